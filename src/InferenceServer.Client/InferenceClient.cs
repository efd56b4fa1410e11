using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace InferenceServer.Client;

/// <summary>A client of an InferenceServer. Safe for use by several threads: make one for each server.</summary>
public sealed class InferenceClient : IDisposable
{
    private const string LatticeHeader = "X-Lattice";
    private readonly HttpClient _http;

    /// <summary>Makes a client of the server at an address.</summary>
    /// <param name="server">The server's address, such as <c>http://localhost:8080</c>.</param>
    /// <param name="options">Key and retries; null takes the defaults.</param>
    /// <exception cref="ArgumentException">The key has a character that a header cannot carry.</exception>
    public InferenceClient(Uri server, InferenceClientOptions? options = null)
        : this(server, options ?? new InferenceClientOptions(), new SocketsHttpHandler())
    {
    }

    internal InferenceClient(Uri server, InferenceClientOptions options, HttpMessageHandler handler)
    {
        ArgumentNullException.ThrowIfNull(server);
        string key = options.Key?.Trim() ?? "";
        if (key.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            throw new ArgumentException(
                "Expected a key of printable ASCII characters, got another character, such as a line "
                + "break.", nameof(options));
        }

        _http = new HttpClient(new RetryHandler(options, handler))
        {
            BaseAddress = new Uri(server.AbsoluteUri.TrimEnd('/') + "/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _http.DefaultRequestHeaders.Authorization = key.Length > 0 ? new AuthenticationHeaderValue("Bearer", key) : null;
        Jobs = new JobsClient(_http);
    }

    /// <summary>The server's jobs, of many images whose masks are fetched later.</summary>
    public JobsClient Jobs { get; }

    /// <summary>Segments an image.</summary>
    /// <param name="image">The encoded image: JPEG, PNG, WebP, TIFF, AVIF or GIF.</param>
    /// <param name="query">Model, format and other parameters; null takes the default model's mask as indexed
    /// PNG.</param>
    /// <param name="cancellationToken">Closes the connection; the server then stops working on the image.</param>
    /// <returns>The mask in the requested format.</returns>
    /// <exception cref="InferenceServerException">The server answered with an error.</exception>
    /// <exception cref="HttpRequestException">There is no server, or the connection broke.</exception>
    public async Task<MaskAnswer> SegmentAsync(
        ReadOnlyMemory<byte> image, SegmentQuery? query = null, CancellationToken cancellationToken = default)
    {
        using ReadOnlyMemoryContent body = new(image);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        query ??= new SegmentQuery();
        using HttpResponseMessage response = await PostAsync(query.ToUri(), body, query.Lattice, cancellationToken).ConfigureAwait(false);
        return new MaskAnswer
        {
            Bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false),
            ContentType = response.Content.Headers.ContentType?.MediaType ?? "",
            Model = Header(response, "X-Model"),
            Version = int.Parse(Header(response, "X-Model-Version"), CultureInfo.InvariantCulture),
            Width = int.Parse(Header(response, "X-Image-Width"), CultureInfo.InvariantCulture),
            Height = int.Parse(Header(response, "X-Image-Height"), CultureInfo.InvariantCulture),
            Lattice = Find(response, LatticeHeader),
        };
    }

    /// <summary>Refines what another tool made of an image with the server's fully connected CRF.</summary>
    /// <param name="image">The encoded image: JPEG, PNG, WebP, TIFF, AVIF or GIF.</param>
    /// <param name="request">The tool's probabilities or labels, format and other parameters.</param>
    /// <param name="cancellationToken">Closes the connection; the server then stops working on the image.</param>
    /// <returns>The refined mask in the requested format.</returns>
    /// <exception cref="InferenceServerException">The server answered with an error.</exception>
    /// <exception cref="HttpRequestException">There is no server, or the connection broke.</exception>
    public async Task<RefineAnswer> RefineAsync(
        ReadOnlyMemory<byte> image, RefineRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using MultipartFormDataContent form = request.ToForm(image);
        using HttpResponseMessage response = await PostAsync(
            request.ToUri(), form, request.Lattice, cancellationToken).ConfigureAwait(false);
        return new RefineAnswer
        {
            Bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false),
            ContentType = response.Content.Headers.ContentType?.MediaType ?? "",
            Width = int.Parse(Header(response, "X-Image-Width"), CultureInfo.InvariantCulture),
            Height = int.Parse(Header(response, "X-Image-Height"), CultureInfo.InvariantCulture),
            Lattice = Find(response, LatticeHeader),
        };
    }

    /// <summary>Lists the models and their states.</summary>
    /// <exception cref="InferenceServerException">The server answered with an error.</exception>
    /// <exception cref="HttpRequestException">There is no server, or the connection broke.</exception>
    public async Task<IReadOnlyList<ModelInfo>> ModelsAsync(CancellationToken cancellationToken = default)
    {
        Uri uri = new("v1/models", UriKind.Relative);
        using HttpResponseMessage response = await _http.GetAsync(uri, cancellationToken).ConfigureAwait(false);
        await ThrowIfFailedAsync(response, cancellationToken).ConfigureAwait(false);
        ModelsAnswer? answer = await response.Content.ReadFromJsonAsync(
            ClientJson.Default.ModelsAnswer, cancellationToken)
            .ConfigureAwait(false);
        return answer?.Models ?? [];
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _http.Dispose();

    private static string? Find(HttpResponseMessage response, string name)
    {
        if (response.Headers.TryGetValues(name, out IEnumerable<string>? values))
        {
            return values.First();
        }

        return null;
    }

    private static string Header(HttpResponseMessage response, string name) =>
        Find(response, name) ?? throw new InferenceServerException(
            response.StatusCode,
            "",
            $"Expected the header '{name}' in the answer, got none. "
            + "Check that the address is an InferenceServer's.");

    private async Task<HttpResponseMessage> PostAsync(Uri uri, HttpContent body, string? lattice, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, uri) { Content = body };
        if (lattice is not null)
        {
            request.Headers.Add(LatticeHeader, lattice);
        }

        HttpResponseMessage response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        await ThrowIfFailedAsync(response, cancellationToken).ConfigureAwait(false);
        return response;
    }

    internal static async Task ThrowIfFailedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
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
            // A proxy answered, not the server.
        }

        throw new InferenceServerException(
            response.StatusCode, problem?.Type ?? "",
            problem?.Detail ?? $"The server answered {(int)response.StatusCode}.");
    }
}
