using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace InferenceServer.Client;

/// <summary>Asks an InferenceServer for masks. Safe to share: one for each server.</summary>
public sealed class InferenceClient : IDisposable
{
    private readonly HttpClient _http;

    /// <summary>Makes a client of the server at an address.</summary>
    /// <param name="server">Such as <c>http://localhost:8080</c>.</param>
    /// <param name="options">Key and patience; null takes the defaults.</param>
    /// <exception cref="ArgumentException">The key has a character that no header carries.</exception>
    public InferenceClient(Uri server, InferenceClientOptions? options = null)
        : this(server, options ?? new InferenceClientOptions(), new SocketsHttpHandler())
    {
    }

    internal InferenceClient(Uri server, InferenceClientOptions options, HttpMessageHandler handler)
    {
        ArgumentNullException.ThrowIfNull(server);
        if (options.Key?.Trim().AsSpan().ContainsAnyExceptInRange(' ', '~') ?? false)
        {
            throw new ArgumentException("The key has a character that no header carries, such as a line break in its middle.", nameof(options));
        }

        _http = new HttpClient(new RetryHandler(options, handler)) { BaseAddress = new Uri(server.AbsoluteUri.TrimEnd('/') + "/"), Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = options.Key?.Trim() is { Length: > 0 } key ? new AuthenticationHeaderValue("Bearer", key) : null;
    }

    /// <summary>Segments a photograph.</summary>
    /// <param name="image">The encoded image: JPEG, PNG, WebP, TIFF, AVIF or GIF.</param>
    /// <param name="query">What is wanted; null takes the default model's mask as indexed PNG.</param>
    /// <param name="cancellationToken">Hangs up; the server then stops working on it.</param>
    /// <returns>The answer in the format that was asked for.</returns>
    /// <exception cref="InferenceServerException">The server says why there is no mask.</exception>
    /// <exception cref="HttpRequestException">There is no server, or the connection broke.</exception>
    public async Task<MaskAnswer> SegmentAsync(ReadOnlyMemory<byte> image, SegmentQuery? query = null, CancellationToken cancellationToken = default)
    {
        using ReadOnlyMemoryContent body = new(image);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using HttpResponseMessage response = await _http.PostAsync((query ?? new SegmentQuery()).ToUri(), body, cancellationToken).ConfigureAwait(false);
        await ThrowIfFailedAsync(response, cancellationToken).ConfigureAwait(false);
        return new MaskAnswer
        {
            Bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false),
            ContentType = response.Content.Headers.ContentType?.MediaType ?? "",
            Model = Header(response, "X-Model"),
            Version = int.Parse(Header(response, "X-Model-Version"), CultureInfo.InvariantCulture),
            Width = int.Parse(Header(response, "X-Image-Width"), CultureInfo.InvariantCulture),
            Height = int.Parse(Header(response, "X-Image-Height"), CultureInfo.InvariantCulture),
        };
    }

    /// <summary>Lists the models and their states.</summary>
    /// <exception cref="InferenceServerException">The server refuses.</exception>
    /// <exception cref="HttpRequestException">There is no server, or the connection broke.</exception>
    public async Task<IReadOnlyList<ModelInfo>> ModelsAsync(CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri("v1/models", UriKind.Relative), cancellationToken).ConfigureAwait(false);
        await ThrowIfFailedAsync(response, cancellationToken).ConfigureAwait(false);
        ModelsAnswer? answer = await response.Content.ReadFromJsonAsync(ClientJson.Default.ModelsAnswer, cancellationToken).ConfigureAwait(false);
        return answer?.Models ?? [];
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _http.Dispose();

    private static string Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.First() : throw new InferenceServerException(response.StatusCode, "", $"The answer has no header '{name}'; is this an InferenceServer?");

    private static async Task ThrowIfFailedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        string body = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        ProblemAnswer? problem = null;
        try
        {
            problem = JsonSerializer.Deserialize(body, ClientJson.Default.ProblemAnswer);
        }
        catch (JsonException)
        {
            // Not the server, but something before it.
        }

        throw new InferenceServerException(response.StatusCode, problem?.Type ?? "", problem?.Detail ?? $"The server answers {(int)response.StatusCode}.");
    }
}
