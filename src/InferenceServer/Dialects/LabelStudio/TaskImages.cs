using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using InferenceServer.Errors;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Fetches the images of tasks: uploads and files of storages from Label Studio, other images from the hosts in
/// <see cref="FetchOptions"/>.</summary>
internal sealed partial class TaskImages : IDisposable
{
    private static readonly string[] Clouds = ["s3://", "gs://", "azure-blob://"];
    private readonly ImageFetcher _fetcher;
    private readonly Uri? _labelStudio; // with a slash at the end
    private readonly LabelStudioToken? _token;

    public TaskImages(IOptions<FetchOptions> fetch, IOptions<LabelStudioOptions> options, TimeProvider time)
    {
        if (!string.IsNullOrEmpty(options.Value.Url))
        {
            _labelStudio = new Uri(options.Value.Url.TrimEnd('/') + "/");
        }

        if (_labelStudio is not null && !string.IsNullOrEmpty(options.Value.AccessToken))
        {
            _token = new LabelStudioToken(_labelStudio, options.Value.AccessToken, time);
        }

        // Label Studio's host is allowed with any address, for tasks only: other requests with a URL cannot reach it.
        _fetcher = new ImageFetcher(
            _labelStudio is null ? fetch : Options.Create(fetch.Value.And(_labelStudio.Authority)));
    }

    /// <inheritdoc cref="ImageFetcher.FetchAsync"/>
    public Task<PooledBufferWriter> FetchAsync(
        TaskImage image, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(Address(image), UriKind.Absolute, out Uri? first))
        {
            throw Invalid($"Expected a URL or a path of Label Studio as a task's image, got '{image.Place}'.");
        }

        return _fetcher.FetchAsync(
            first.AbsoluteUri, (url, ct) => AuthorizeAsync(first, url, ct), maxBytes, hold, cancellationToken);
    }

    public void Dispose()
    {
        _fetcher.Dispose();
        _token?.Dispose();
    }

    // A task's author must not reach other parts of Label Studio with the server's token, nor may a redirect.
    private async ValueTask<AuthenticationHeaderValue?> AuthorizeAsync(Uri first, Uri url, CancellationToken cancellationToken)
    {
        if (!IsOwn(url))
        {
            return null;
        }

        if (!IsFile(url))
        {
            throw url == first
                ? Invalid($"Expected a file of Label Studio (/data/, /storage-data/, /tasks/1/resolve/), got '{url.AbsolutePath}'.")
                : new SegmentationException(
                    ErrorTable.ImageNotFetched,
                    $"Label Studio redirects to '{url.AbsolutePath}', which is no file. "
                    + "The operator can check LabelStudio:AccessToken.");
        }

        return IsOwn(first) && _token is not null ? await _token.HeaderAsync(cancellationToken) : null;
    }

    private bool IsOwn(Uri url) => url.Scheme == _labelStudio?.Scheme && url.Authority == _labelStudio.Authority;

    private bool IsFile(Uri url)
    {
        string path = url.AbsolutePath, root = _labelStudio!.AbsolutePath;
        // Readers differ in how often they unescape.
        for (string before = ""; before != path;)
        {
            (before, path) = (path, Uri.UnescapeDataString(path));
        }

        bool climbs = path.Contains('\\') || path.Split('/').Any(segment => segment.Split(';')[0] is "." or "..");
        return !climbs && path.StartsWith(root, StringComparison.Ordinal) && FilePath().IsMatch(path[root.Length..]);
    }

    private string Address(TaskImage image)
    {
        string place = image.Place;
        if (Clouds.Any(cloud => place.StartsWith(cloud, StringComparison.OrdinalIgnoreCase)))
        {
            long task = image.Task ?? throw Invalid(
                $"Expected the task's number as 'id' beside an image of a cloud storage, found none for '{place}'.");
            string uri = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(place));
            return $"{Own().AbsoluteUri}tasks/{task}/presign/?fileuri={uri.PadRight((uri.Length + 3) / 4 * 4, '=')}";
        }

        // As Label Studio's own SDK reads it.
        if (place.StartsWith("upload/", StringComparison.Ordinal) || place.StartsWith("/upload/", StringComparison.Ordinal))
        {
            return Own().AbsoluteUri + "data/" + place.TrimStart('/');
        }

        if (!place.StartsWith('/'))
        {
            return place;
        }

        string root = Own().AbsolutePath;
        // Label Studio puts its sub-path before some paths.
        return Own().AbsoluteUri + (place.StartsWith(root, StringComparison.Ordinal) ? place[root.Length..] : place).TrimStart('/');
    }

    private Uri Own() => _labelStudio
        ?? throw Invalid(
            "A task's image is stored in Label Studio, whose address is unknown. "
            + "The operator must set LabelStudio:Url and LabelStudio:AccessToken.");

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);

    [GeneratedRegex("^(data/|storage-data/|(tasks|projects)/[0-9]+/(presign|resolve)/?$)")]
    private static partial Regex FilePath();
}

/// <summary>The credentials of a user of Label Studio.</summary>
/// <remarks>A legacy token is sent as it is. A personal access token is a JSON Web Token that Label Studio exchanges for a
/// token of a few minutes, which is kept until shortly before its end.</remarks>
internal sealed class LabelStudioToken : IDisposable
{
    private const int MaxAnswerBytes = 64 * 1024;
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30), ShortestUse = TimeSpan.FromSeconds(1);

    private readonly Uri _exchange;
    private readonly string _token;
    private readonly TimeProvider _time;
    private readonly AuthenticationHeaderValue? _fixed;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly HttpMessageInvoker _http = new(
        new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false });
    private AuthenticationHeaderValue? _short;
    private long _received;
    private TimeSpan _use;

    public LabelStudioToken(Uri labelStudio, string token, TimeProvider time)
    {
        (_exchange, _token, _time) = (new Uri(labelStudio, "api/token/refresh/"), token, time);
        JsonWebToken? jwt = Read(token);
        if (jwt is null)
        {
            _fixed = new AuthenticationHeaderValue("Token", token);
        }
        else if (jwt.TryGetPayloadValue("token_type", out string type) && type == "access")
        {
            _fixed = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    /// <summary>The header for a request to Label Studio; one exchange serves all that wait for it.</summary>
    /// <exception cref="SegmentationException">Label Studio does not take the token.</exception>
    public async ValueTask<AuthenticationHeaderValue> HeaderAsync(CancellationToken cancellationToken)
    {
        if (_fixed is not null)
        {
            return _fixed;
        }

        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_short is null || _time.GetElapsedTime(_received) >= _use)
            {
                string access = await ExchangeAsync(cancellationToken);
                _short = new AuthenticationHeaderValue("Bearer", access);
                (_received, _use) = (_time.GetTimestamp(), Use(access));
            }

            return _short;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _turn.Dispose();
    }

    // By the clock of Label Studio alone: the two clocks may differ.
    private static TimeSpan Use(string access)
    {
        TimeSpan lifetime = Read(access) is { } jwt ? jwt.ValidTo - jwt.IssuedAt : TimeSpan.Zero;
        return lifetime - Margin > ShortestUse ? lifetime - Margin : ShortestUse;
    }

    private static JsonWebToken? Read(string token)
    {
        try
        {
            return new JsonWebToken(token);
        }
        catch (ArgumentException) // not of the form, or no JSON in it
        {
            return null;
        }
    }

    private async Task<string> ExchangeAsync(CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, _exchange);
        request.Content = JsonContent.Create(new Dictionary<string, string> { ["refresh"] = _token });
        request.Headers.UserAgent.Add(ImageFetcher.UserAgent);
        using HttpResponseMessage response = await _http.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            throw Refused($"it answers {(int)response.StatusCode}.");
        }

        await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        using PooledBufferWriter answer = await BodyReader.ReadAsync(
            body, null, MaxAnswerBytes, _ => { }, "Label Studio's token", cancellationToken);
        try
        {
            using JsonDocument json = JsonDocument.Parse(answer.Written);
            if (json.RootElement.ValueKind == JsonValueKind.Object && JsonBody.Text(json.RootElement, "access") is { Length: > 0 } access)
            {
                return access;
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Refused("its answer is no JSON.", e);
        }

        throw Refused("its answer has no token.");
    }

    private static SegmentationException Refused(string reason, Exception? cause = null) => new(
        ErrorTable.ImageNotFetched,
        $"Label Studio does not exchange the personal access token: {reason} The operator can make another one for "
        + "LabelStudio:AccessToken.", cause);
}
