using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace InferenceServer.Client;

/// <summary>The jobs of a server: many images, whose masks are fetched later. Of <see cref="InferenceClient.Jobs"/>.</summary>
/// <remarks>Every call throws <see cref="InferenceServerException"/> where the server answers with an error, and
/// <see cref="HttpRequestException"/> where there is no server or the connection broke.</remarks>
public sealed class JobsClient
{
    private const string Root = "v1/jobs", Event = "data:";
    private readonly HttpClient _http;

    internal JobsClient(HttpClient http) => _http = http;

    /// <summary>Makes a job of images, which are sent with the request.</summary>
    /// <param name="images">The encoded images by name; the names are in the job's answers.</param>
    /// <param name="query">Model, format and other parameters; null takes the default model's mask as indexed PNG. A job uses
    /// the model's newest version.</param>
    /// <param name="cancellationToken">Closes the connection.</param>
    /// <returns>The job as it begins.</returns>
    /// <exception cref="ArgumentException">The query has a version.</exception>
    public async Task<JobInfo> CreateAsync(
        IEnumerable<KeyValuePair<string, ReadOnlyMemory<byte>>> images, SegmentQuery? query = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        using MultipartFormDataContent form = [];
        foreach ((string name, ReadOnlyMemory<byte> image) in images)
        {
            form.Add(new ReadOnlyMemoryContent(image), "image", name);
        }

        return await CreateAsync((query ?? new SegmentQuery()).ToUri(Root, "a job"), form, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes a job of images in a bucket, a folder or behind URLs.</summary>
    /// <param name="request">The job as JSON: model, parameters, sources, target and notify, as of <c>POST /v1/jobs</c>.</param>
    /// <param name="cancellationToken">Closes the connection.</param>
    /// <returns>The job as it begins.</returns>
    public async Task<JobInfo> CreateFromSourcesAsync(string request, CancellationToken cancellationToken = default)
    {
        using StringContent body = new(request, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        return await CreateAsync(new Uri(Root, UriKind.Relative), body, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Lists the caller's jobs, the newest first.</summary>
    /// <param name="cancellationToken">Closes the connection.</param>
    public async Task<IReadOnlyList<JobInfo>> ListAsync(CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await GetAsync(Root, cancellationToken).ConfigureAwait(false);
        return await response.Content.ReadFromJsonAsync(ClientJson.Default.JobInfoArray, cancellationToken).ConfigureAwait(false) ?? [];
    }

    /// <summary>State and progress of a job.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="cancellationToken">Closes the connection.</param>
    public async Task<JobInfo> FindAsync(string id, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await GetAsync(PathOf(id), cancellationToken).ConfigureAwait(false);
        return (await response.Content.ReadFromJsonAsync(ClientJson.Default.JobInfo, cancellationToken).ConfigureAwait(false))!;
    }

    /// <summary>State and progress of a job after each change, until the job ends. A server that stops ends them earlier: ask
    /// again then.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="cancellationToken">Closes the connection.</param>
    public async IAsyncEnumerable<JobInfo> WatchAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (string line in LinesAsync(PathOf(id) + "/events", cancellationToken).ConfigureAwait(false))
        {
            if (line.StartsWith(Event, StringComparison.Ordinal))
            {
                yield return JsonSerializer.Deserialize(line.AsSpan(Event.Length), ClientJson.Default.JobInfo)!;
            }
        }
    }

    /// <summary>The answers of a job so far, one for each image that is done or failed, in no order.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="cancellationToken">Closes the connection.</param>
    public async IAsyncEnumerable<JobAnswer> AnswersAsync(string id, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (string line in LinesAsync(PathOf(id) + "/result", cancellationToken).ConfigureAwait(false))
        {
            yield return JobAnswer.Of(JsonSerializer.Deserialize(line, ClientJson.Default.JobLine)!);
        }
    }

    /// <summary>Cancels a job and deletes its records; masks in its target stay.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="cancellationToken">Closes the connection.</param>
    public async Task DeleteAsync(string id, CancellationToken cancellationToken = default)
    {
        Uri uri = new(PathOf(id), UriKind.Relative);
        using HttpResponseMessage response = await _http.DeleteAsync(uri, cancellationToken).ConfigureAwait(false);
        await InferenceClient.ThrowIfFailedAsync(response, cancellationToken).ConfigureAwait(false);
    }

    private static string PathOf(string id) => $"{Root}/{Uri.EscapeDataString(id)}";

    private async Task<JobInfo> CreateAsync(Uri uri, HttpContent body, CancellationToken cancellationToken)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, uri) { Content = body };
        request.Options.Set(RetryHandler.MayNotRepeat, true);
        using HttpResponseMessage response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        await InferenceClient.ThrowIfFailedAsync(response, cancellationToken).ConfigureAwait(false);
        return (await response.Content.ReadFromJsonAsync(ClientJson.Default.JobInfo, cancellationToken).ConfigureAwait(false))!;
    }

    private async Task<HttpResponseMessage> GetAsync(string path, CancellationToken cancellationToken)
    {
        HttpResponseMessage response = await _http.GetAsync(
            new Uri(path, UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        try
        {
            await InferenceClient.ThrowIfFailedAsync(response, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            response.Dispose();
            throw;
        }

        return response;
    }

    private async IAsyncEnumerable<string> LinesAsync(string path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await GetAsync(path, cancellationToken).ConfigureAwait(false);
        using StreamReader lines = new(await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false));
        while (await lines.ReadLineAsync(cancellationToken).ConfigureAwait(false) is { } line)
        {
            yield return line;
        }
    }
}

/// <summary>State and progress of a job.</summary>
public sealed class JobInfo
{
    /// <summary>The job's ID.</summary>
    public required string Id { get; init; }

    /// <summary>queued, running, done or failed.</summary>
    public required string State { get; init; }

    /// <summary>The model's name; null is the default model.</summary>
    public string? Model { get; init; }

    /// <summary>Images of the job; null until its sources are listed.</summary>
    public int? Total { get; init; }

    /// <summary>Images with a mask.</summary>
    public required int Done { get; init; }

    /// <summary>Images with an error.</summary>
    public required int Failed { get; init; }

    /// <summary>Images a second, over the last minute; null while nothing is known.</summary>
    public double? Rate { get; init; }

    /// <summary>When the job will end at this rate; null while nothing is known.</summary>
    public DateTimeOffset? Eta { get; init; }

    /// <summary>Why the job failed.</summary>
    public string? Reason { get; init; }

    /// <summary>When the job was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When the job was done or failed; null before.</summary>
    public DateTimeOffset? Ended { get; init; }
}

/// <summary>The answer for one image of a job.</summary>
public sealed class JobAnswer
{
    /// <summary>The image's place among the images of the job, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>The image's name.</summary>
    public required string Name { get; init; }

    /// <summary>The HTTP status that the image alone would have got; 200 with a mask.</summary>
    public required int Status { get; init; }

    /// <summary>What is wrong with the image, and what to change; null with a mask.</summary>
    public string? Error { get; init; }

    /// <summary>The problem type of the error, such as <c>urn:inference-server:undecodable-image</c>; null with a mask.</summary>
    public string? Type { get; init; }

    /// <summary>The mask in the requested format; empty for an error, and where the mask is in the job's target.</summary>
    public ReadOnlyMemory<byte> Mask { get; init; }

    /// <summary>Media type of the mask; null for an error, and for a mask that was there before the job.</summary>
    public string? ContentType { get; init; }

    /// <summary>Width of the upright image, in pixels; 0 for an error, and for a mask that was there before the job.</summary>
    public int Width { get; init; }

    /// <summary>Height of the upright image, in pixels; 0 for an error, and for a mask that was there before the job.</summary>
    public int Height { get; init; }

    /// <summary>Where the mask is in the job's target; null where the job has none.</summary>
    public string? Output { get; init; }

    internal static JobAnswer Of(JobLine line) => new()
    {
        Index = line.Index,
        Name = line.Name,
        Status = line.Status,
        Error = line.Error,
        Type = line.Type,
        Mask = MaskOf(line.Mask),
        ContentType = line.ContentType,
        Width = line.Width,
        Height = line.Height,
        Output = line.Output,
    };

    // Formats of JSON are in the line as they are, others in base64.
    private static ReadOnlyMemory<byte> MaskOf(JsonElement? mask) => mask switch
    {
        null => default,
        { ValueKind: JsonValueKind.String } text => text.GetBytesFromBase64(),
        { } json => Encoding.UTF8.GetBytes(json.GetRawText()),
    };
}

internal sealed record JobLine(
    int Index, int Status, string Name, string? Type, string? Error, string? Output, string? ContentType, int Width, int Height,
    JsonElement? Mask);
