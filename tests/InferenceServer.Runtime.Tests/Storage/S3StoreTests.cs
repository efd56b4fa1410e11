using System.Net;
using System.Net.Sockets;
using System.Text;
using InferenceServer.Runtime.Storage;
using InferenceServer.Tests;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Storage;

/// <summary>What stores that are not well do to callers.</summary>
public sealed class S3StoreTests : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly List<string> _requests = [];
    private Func<HttpListenerContext, Task> _answer = _ => Task.CompletedTask;

    static S3StoreTests() => Assert.True(S3Server.Missing is null or { Length: > 0 }); // sets the credentials

    public S3StoreTests()
    {
        using TcpListener free = new(IPAddress.Loopback, 0);
        free.Start();
        Url = $"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}";
        free.Stop();
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _ = ServeAsync();
    }

    private string Url { get; }

    [Theory]
    [InlineData(403, "AccessDenied", false, "access is refused; check the credentials")]
    [InlineData(404, "NoSuchBucket", false, "there is no such bucket")]
    [InlineData(400, "AuthorizationHeaderMalformed", false, "S3:Region")]
    [InlineData(301, "PermanentRedirect", false, "S3:Region")]
    [InlineData(503, "SlowDown", true, "try again later")]
    [InlineData(500, "InternalError", true, "try again later")]
    [InlineData(429, "TooManyRequests", true, "try again later")]
    public async Task Refusal_IsExplained(int status, string code, bool isTransient, string reason)
    {
        _answer = context => ErrorAsync(context, status, code);

        StorageException failure = await Assert.ThrowsAsync<StorageException>(() => Open(seconds: 20).OpenAsync("a", default));

        Assert.Equal(isTransient, failure.IsTransient);
        Assert.Contains(reason, failure.Message, StringComparison.Ordinal);
        Assert.Contains(code, failure.Message, StringComparison.Ordinal);
        Assert.StartsWith($"s3://images/in: 'a': the store at {Url} answered {status}", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("S3RVER", failure.ToString(), StringComparison.Ordinal);
        Assert.InRange(_requests.Count, 1, 3);
    }

    [Fact]
    public async Task NothingListens_IsTransient()
    {
        _listener.Stop();

        StorageException failure = await Assert.ThrowsAsync<StorageException>(() => Open(seconds: 20).FindAsync("a", default));

        Assert.True(failure.IsTransient);
        Assert.Contains("cannot be reached", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoAnswer_TimesOut()
    {
        _answer = _ => Task.Delay(Timeout.Infinite);

        StorageException failure = await Assert.ThrowsAsync<StorageException>(() => Open(seconds: 0.3).FindAsync("a", default));

        Assert.True(failure.IsTransient);
        Assert.Contains("did not answer within 0.3 s (S3:Timeout)", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoAnswer_Cancelled_Ends()
    {
        using CancellationTokenSource cancellation = new();
        _answer = _ =>
        {
            cancellation.Cancel();
            return Task.Delay(Timeout.Infinite);
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Open(seconds: 60).FindAsync("a", cancellation.Token));
    }

    [Fact]
    public async Task Body_ThatStalls_TimesOut()
    {
        _answer = async context =>
        {
            context.Response.ContentLength64 = 100;
            await context.Response.OutputStream.WriteAsync(new byte[10]);
            await context.Response.OutputStream.FlushAsync();
            await Task.Delay(Timeout.Infinite);
        };
        using Stream body = (await Open(seconds: 0.5).OpenAsync("a", default))!;

        StorageException failure = await Assert.ThrowsAsync<StorageException>(() => body.CopyToAsync(Stream.Null));

        Assert.True(failure.IsTransient);
        Assert.Contains("no bytes came for 0.5 s", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_ThatBreaksOff_IsAFailureAndNoShortObject()
    {
        _answer = async context =>
        {
            context.Response.ContentLength64 = 100;
            await context.Response.OutputStream.WriteAsync(new byte[10]);
            context.Response.Abort();
        };

        StorageException failure = await Assert.ThrowsAsync<StorageException>(async () =>
        {
            using Stream body = (await Open(seconds: 20).OpenAsync("a", default))!;
            await body.CopyToAsync(Stream.Null);
        });

        Assert.True(failure.IsTransient);
    }

    [Theory]
    [InlineData("<html>Welcome<br>")]
    [InlineData("<html>Welcome</html>")]
    [InlineData("{}")]
    [InlineData("")]
    public async Task NoStore_IsAFailureThatSaysSo(string page)
    {
        _answer = async context =>
        {
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(page));
            context.Response.Close();
        };

        StorageException failure = await Assert.ThrowsAsync<StorageException>(
            async () => await Open(seconds: 20).ListAsync("", default).ToListAsync());

        Assert.Contains("did not answer in the form of S3; check S3:Endpoint", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WriteNew_Conflict_IsTriedAgain()
    {
        int conflicts = 2;
        _answer = context => conflicts-- > 0 ? ErrorAsync(context, 409, "ConditionalRequestConflict") : OkAsync(context);

        Assert.True(await WriteAsync(WriteMode.New));

        Assert.Equal(["PUT *", "PUT *", "PUT *"], _requests);
    }

    [Fact]
    public async Task WriteNew_StoreWithoutConditions_LooksFirst()
    {
        bool exists = false;
        _answer = context => (context.Request.HttpMethod, context.Request.Headers["If-None-Match"]) switch
        {
            ("PUT", "*") => ErrorAsync(context, 501, "NotImplemented"),
            ("HEAD", _) when !exists => ErrorAsync(context, 404, "NoSuchKey"),
            _ => OkAsync(context),
        };

        Assert.True(await WriteAsync(WriteMode.New));
        Assert.Equal(["PUT *", "HEAD ", "PUT "], _requests);

        exists = true;
        Assert.False(await WriteAsync(WriteMode.New));
    }

    [Fact]
    public async Task Write_Request_IsSignedAsAWhole()
    {
        string? hash = null;
        string? encoding = null;
        string? checksum = null;
        _answer = context =>
        {
            hash = context.Request.Headers["x-amz-content-sha256"];
            encoding = context.Request.Headers["Content-Encoding"];
            checksum = context.Request.Headers["x-amz-sdk-checksum-algorithm"];
            return OkAsync(context);
        };

        await WriteAsync(WriteMode.Replace);

        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("hello"u8)), hash);
        Assert.Null(encoding);
        Assert.Null(checksum);
    }

    [Fact]
    public void Open_WithoutRegion_SaysWhatToSet()
    {
        if (Environment.GetEnvironmentVariable("AWS_REGION") is not null || File.Exists(Path.Combine(
            Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".aws", "config")))
        {
            return; // this machine has a region
        }

        using ObjectStores stores = new(Options.Create(new S3Options()));

        StorageException failure = Assert.Throws<StorageException>(() => stores.Open(StoreLocation.Parse("s3://images")));

        Assert.Contains("S3:Region", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("minio:9000")]
    [InlineData("http://minio:9000/path")]
    [InlineData("http://user:secret@minio:9000")]
    public void Options_BadEndpoint_IsRefused(string endpoint)
    {
        ValidateOptionsResult result = new S3OptionsValidator().Validate("S3", new S3Options { Endpoint = endpoint });

        Assert.True(result.Failed);
        Assert.DoesNotContain("secret", result.FailureMessage, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Close();

    private Task<bool> WriteAsync(WriteMode mode) =>
        Open(seconds: 20).WriteAsync("a", new MemoryStream("hello"u8.ToArray()), "text/plain", mode, default);

    private IObjectStore Open(double seconds) =>
        new ObjectStores(Options.Create(new S3Options { Endpoint = Url, Timeout = TimeSpan.FromSeconds(seconds) }))
            .Open(StoreLocation.Parse("s3://images/in"));

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            try
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                _requests.Add($"{context.Request.HttpMethod} {context.Request.Headers["If-None-Match"]}");
                _ = _answer(context);
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private static Task OkAsync(HttpListenerContext context)
    {
        context.Response.Headers["ETag"] = "\"1\"";
        context.Response.Close();
        return Task.CompletedTask;
    }

    private static async Task ErrorAsync(HttpListenerContext context, int status, string code)
    {
        context.Response.StatusCode = status;
        byte[] body = Encoding.UTF8.GetBytes($"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
        if (context.Request.HttpMethod != "HEAD")
        {
            await context.Response.OutputStream.WriteAsync(body);
        }

        context.Response.Close();
    }
}
