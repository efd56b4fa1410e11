using System.Net;
using System.Text.Json;
using InferenceServer.Hosting;
using InferenceServer.Tests.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Core;
using Serilog.Events;

namespace InferenceServer.Tests.Hosting;

/// <summary>A server behind a proxy: with a path prefix, behind https, and for clients who lie.</summary>
public sealed class PublicAddressTests : IDisposable
{
    private const string Trusted = "127.0.0.1";
    private const string AnotherMachine = "192.0.2.1";
    private readonly string _jobs = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_jobs, recursive: true);

    // The option, the trusted proxy, the prefix that the proxy leaves in the path, the header, and the prefix of every link.
    [Theory]
    [InlineData("", AnotherMachine, "", null, "")]
    [InlineData("/seg", AnotherMachine, "/seg", null, "/seg")] // kept
    [InlineData("/seg/maps", AnotherMachine, "/seg/maps", null, "/seg/maps")]
    [InlineData("/seg", AnotherMachine, "", null, "")] // past the proxy
    [InlineData("", Trusted, "", "/seg", "/seg")] // stripped
    [InlineData("/seg", Trusted, "", "/seg", "/seg")]
    [InlineData("", Trusted, "", "/seg/", "/seg")]
    [InlineData("", "127.0.0.0/8", "", "/seg", "/seg")]
    [InlineData("/seg", Trusted, "/seg", "/seg", "/seg")] // kept, and named
    [InlineData("/seg", Trusted, "/seg", "/city", "/city/seg")] // two proxies
    [InlineData("", AnotherMachine, "", "/evil", "")] // not trusted
    [InlineData("/seg", AnotherMachine, "/seg", "/evil", "/seg")]
    [InlineData("", Trusted, "", "/client, /seg", "/seg")] // the last value is the proxy's
    [InlineData("", Trusted, "", "//evil.example", "")] // browsers take it for a host
    [InlineData("", Trusted, "", "/seg//evil", "")]
    [InlineData("", Trusted, "", "https://evil.example", "")]
    [InlineData("", Trusted, "", "seg", "")]
    [InlineData("", Trusted, "", "/", "")]
    [InlineData("", Trusted, "", "/seg/..", "")]
    [InlineData("", Trusted, "", "/%2fevil.example", "")]
    [InlineData("", Trusted, "", "/\\evil.example", "")]
    [InlineData("", Trusted, "", "/seg\"><script>", "")]
    public async Task Links_BehindEachProxy_HaveThePrefixOnce(
        string option, string proxy, string path, string? header, string expected)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Hosting:PathBase", option), ("Hosting:TrustedProxies:0", proxy), ("Jobs:Path", _jobs));
        using HttpClient client = Direct(server);
        if (header is not null)
        {
            Assert.True(client.DefaultRequestHeaders.TryAddWithoutValidation("X-Forwarded-Prefix", header));
        }

        using HttpResponseMessage job = await client.PostAsync(path + "/v1/jobs?model=tiny", ZipFile.Of(("photo.png", Photo.Png)));
        using JsonDocument document = JsonDocument.Parse(await client.GetStringAsync(path + "/swagger/v1/swagger.json"));
        using HttpResponseMessage absent = await client.GetAsync(path + "/nowhere");
        using HttpResponseMessage playground = await client.GetAsync(path + "/");
        using HttpResponseMessage swagger = await client.GetAsync(path + "/swagger/index.html");

        Assert.Equal(HttpStatusCode.Accepted, job.StatusCode);
        Assert.StartsWith(expected + "/v1/jobs/", job.Headers.Location!.OriginalString, StringComparison.Ordinal);
        Assert.Equal(expected, Servers(document));
        Assert.Contains(
            $"There is nothing at {expected}/nowhere. {expected}/swagger lists", await absent.Content.ReadAsStringAsync(),
            StringComparison.Ordinal);
        Assert.Contains("<title>InferenceServer", await playground.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("script-src 'self'", Policy(playground), StringComparison.Ordinal);
        Assert.Contains("style-src 'self' 'unsafe-inline'", Policy(swagger), StringComparison.Ordinal);
    }

    // The header is set after the answer has gone through all of the server: for 304 as for 200.
    [Fact]
    public async Task Policy_OfAnAnswerWithoutBody_IsThatOfThePage()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Hosting:PathBase", "/seg"));
        using HttpResponseMessage first = await server.Client.GetAsync("/seg/");
        using HttpRequestMessage again = new(HttpMethod.Get, "/seg/") { Headers = { IfNoneMatch = { first.Headers.ETag! } } };

        using HttpResponseMessage unchanged = await server.Client.SendAsync(again);

        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        Assert.Equal(Policy(first), Policy(unchanged));
    }

    [Theory]
    [InlineData("/seg", "/seg/")]
    [InlineData("/seg?model=tiny", "/seg/?model=tiny")]
    public async Task Page_WithoutSlashAtTheEnd_LeadsToThePageOnTheSameHost(string path, string expected)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Hosting:PathBase", "/seg"));
        using HttpClient client = Direct(server);
        client.DefaultRequestHeaders.Host = "evil.example";

        using HttpResponseMessage answer = await client.GetAsync(path);

        Assert.Equal((HttpStatusCode.Found, expected), (answer.StatusCode, answer.Headers.Location?.OriginalString));
    }

    // The proxy is 127.0.0.1, and another stands before it at 203.0.113.7.
    [Theory]
    [InlineData(AnotherMachine, 1, "198.51.100.1, 203.0.113.7", "http maps.internal 127.0.0.1")]
    [InlineData(Trusted, 1, "198.51.100.1, 203.0.113.7", "https maps.example.org 203.0.113.7")]
    [InlineData(Trusted, 2, "198.51.100.1, 203.0.113.7", "https maps.example.org 203.0.113.7")] // of two, the second is unknown
    [InlineData("127.0.0.1 203.0.113.0/24", 2, "198.51.100.1, 203.0.113.7", "https maps.example.org 198.51.100.1")]
    [InlineData("127.0.0.1 203.0.113.0/24", 1, "198.51.100.1, 203.0.113.7", "https maps.example.org 203.0.113.7")]
    [InlineData("127.0.0.1 203.0.113.0/24", 2, "6.6.6.6, 198.51.100.1, 203.0.113.7", "https maps.example.org 198.51.100.1")]
    [InlineData(Trusted, 1, "no address", "http maps.internal 127.0.0.1")]
    [InlineData("unix", 1, "203.0.113.7", "http maps.internal 127.0.0.1")]
    public async Task Request_FromEachProxy_HasTheClientOfTrustedProxiesAlone(string proxies, int hops, string sent, string expected)
    {
        Recorder recorder = new();
        LogLines lines = new();
        await using SegmentationServer server = await StartAsync(recorder, lines, proxies, hops);
        using HttpRequestMessage request = Forwarded("/v1/models", sent);

        using HttpResponseMessage answer = await server.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(expected, recorder.Seen);
        LogEvent line = await lines.WaitForAsync("/v1/models");
        Assert.Equal($"\"{expected.Split(' ')[2]}\"", line.Properties["Client"].ToString());
    }

    // A Unix socket has no address.
    [Theory]
    [InlineData("unix", "https maps.example.org 203.0.113.7")]
    [InlineData("unix 192.0.2.1", "https maps.example.org 203.0.113.7")]
    [InlineData("192.0.2.1", "http maps.internal ")]
    public async Task Request_OverAUnixSocket_IsTrustedWhereTheOptionSaysSo(string proxies, string expected)
    {
        Recorder recorder = new() { IsSocket = true };
        await using SegmentationServer server = await StartAsync(recorder, new LogLines(), proxies, 1);
        using HttpRequestMessage request = Forwarded("/v1/models", "203.0.113.7");

        using HttpResponseMessage answer = await server.Client.SendAsync(request);

        Assert.Equal(expected, recorder.Seen);
    }

    // A label of the metrics is the scheme, and traces have the host.
    [Theory]
    [InlineData("gopher", "maps.example.org", "http maps.example.org")]
    [InlineData("HTTPS", "evil.example", "HTTPS maps.internal")]
    [InlineData("https", "maps.example.org/path", "https maps.internal")]
    public async Task Request_FromATrustedProxy_HasOnlyAllowedHostsAndSchemes(string scheme, string host, string expected)
    {
        Recorder recorder = new();
        await using SegmentationServer server = await StartAsync(
            recorder, new LogLines(), Trusted, 1, ("AllowedHosts", "maps.internal;maps.example.org"));
        using HttpRequestMessage request = Forwarded("/v1/models", "203.0.113.7", scheme, host);

        using HttpResponseMessage answer = await server.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(expected + " 203.0.113.7", recorder.Seen);
    }

    // The page's own origin, which needs no entry in Security:Origins; another origin still does.
    [Theory]
    [InlineData("https://maps.example.org", false)]
    [InlineData("https://tiles.example.org", true)]
    [InlineData("https://evil.example", false)]
    public async Task Origin_BehindHttps_IsAnsweredAndReadableAsListed(string origin, bool isListed)
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Hosting:PathBase", "/seg"), ("Hosting:TrustedProxies:0", Trusted), ("Security:Origins:0", "https://tiles.example.org"));
        using HttpRequestMessage request = Forwarded("/seg/v1/segment/tiny", "203.0.113.7");
        request.Method = HttpMethod.Post;
        request.Content = Photo.Content(Photo.Png);
        request.Headers.Add("Origin", origin);

        using HttpResponseMessage answer = await server.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(isListed, answer.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("/health/ready")]
    [InlineData("/health/live")]
    [InlineData("/metrics")]
    [InlineData("/v2/health/ready")]
    [InlineData("/seg/health/ready")]
    [InlineData("/SEG/health/ready")]
    public async Task Probe_WithAndWithoutThePrefix_IsAnsweredAndNotLogged(string path)
    {
        LogLines lines = new();
        await using SegmentationServer server = await StartAsync(
            new Recorder(), lines, Trusted, 1, ("Hosting:PathBase", "/seg"), ("Serilog:MinimumLevel", "Information"));

        Assert.True((await server.Client.GetAsync(path)).IsSuccessStatusCode);
        _ = await server.Client.GetAsync("/segment"); // no prefix: the path goes on without a slash

        LogEvent line = await lines.WaitForAsync(" → ");
        Assert.Equal(("\"/segment\"", "404"), (line.Properties["Path"].ToString(), line.Properties["Status"].ToString()));
    }

    [Theory]
    [InlineData("seg")]
    [InlineData("/")]
    [InlineData("/seg/")]
    [InlineData("//seg")]
    [InlineData("/a/../b")]
    [InlineData("/a b")]
    public void PathBase_ThatIsNoPrefix_IsRefused(string prefix) => Assert.Contains(
        "PathBase: expected a path such as /seg",
        new HostingOptionsValidator().Validate(null, new HostingOptions { PathBase = prefix }).FailureMessage,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("proxy.example.org", "expected addresses such as 10.0.0.7")]
    [InlineData("10", "got '10'")]
    [InlineData("", "got ''")]
    [InlineData("*", "got '*'")]
    [InlineData("0.0.0.0/0", "which is every address")]
    [InlineData("::/0", "which is every address")]
    public void TrustedProxies_ThatAreNone_AreRefused(string proxy, string reason) => Assert.Contains(
        reason,
        new TrustedProxiesValidator().Validate(null, new HostingOptions { TrustedProxies = { "10.0.0.0/24", proxy } }).FailureMessage,
        StringComparison.Ordinal);

    private static async Task<SegmentationServer> StartAsync(
        Recorder recorder, LogLines lines, string proxies, int hops, params (string Key, string Value)[] settings)
    {
        SegmentationServer server = new(
            [
                ("environment", "Production"), ("Serilog:MinimumLevel", "Information"),
                ("Hosting:ProxyHops", $"{hops}"), .. proxies.Split(' ').Select((p, i) => ($"Hosting:TrustedProxies:{i}", p)),
                .. settings,
            ],
            services => services.AddSingleton<ILogEventSink>(lines).AddSingleton<IStartupFilter>(recorder));
        await server.InitializeAsync();
        return server;
    }

    // Follows no redirect.
    private static HttpClient Direct(SegmentationServer server) =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = server.Client.BaseAddress };

    private static HttpRequestMessage Forwarded(
        string path, string client, string scheme = "https", string host = "maps.example.org")
    {
        HttpRequestMessage request = new(HttpMethod.Get, path) { Headers = { Host = "maps.internal" } };
        request.Headers.Add("X-Forwarded-For", client);
        request.Headers.Add("X-Forwarded-Proto", scheme);
        Assert.True(request.Headers.TryAddWithoutValidation("X-Forwarded-Host", host));
        return request;
    }

    private static string Servers(JsonDocument document)
    {
        if (document.RootElement.TryGetProperty("servers", out JsonElement servers))
        {
            return Assert.Single(servers.EnumerateArray()).GetProperty("url").GetString()!;
        }

        return "";
    }

    private static string Policy(HttpResponseMessage answer) => Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));

    /// <summary>Keeps what the server took a request for.</summary>
    private sealed class Recorder : IStartupFilter
    {
        public bool IsSocket { get; init; }

        public string Seen { get; private set; } = "";

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (http, rest) =>
            {
                if (IsSocket)
                {
                    http.Connection.RemoteIpAddress = null;
                }

                await rest(http);
                Seen = $"{http.Request.Scheme} {http.Request.Host} {http.Connection.RemoteIpAddress}";
            });
            next(app);
        };
    }
}
