using System.Net.Http.Headers;
using System.Text.Json;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>What Label Studio asks predictions for.</summary>
/// <param name="Control">Where masks go.</param>
/// <param name="Images">The image of each task.</param>
internal sealed record PredictRequest(LabelControl Control, IReadOnlyList<string> Images)
{
    private const int MaxTasks = 1000;

    /// <exception cref="SegmentationException">Something is missing.</exception>
    public static PredictRequest Parse(JsonElement body)
    {
        LabelControl control = LabelControl.Parse(JsonBody.Text(body, "label_config") ?? throw JsonBody.Invalid("expected a member 'label_config'."));
        if (!body.TryGetProperty("tasks", out JsonElement tasks) || tasks.ValueKind != JsonValueKind.Array || tasks.GetArrayLength() > MaxTasks)
        {
            throw JsonBody.Invalid($"expected a member 'tasks', a list of at most {MaxTasks}.");
        }

        return new PredictRequest(control, [.. tasks.EnumerateArray().Select(task => Image(task, control.Key))]);
    }

    private static string Image(JsonElement task, string key) =>
        task.ValueKind == JsonValueKind.Object && task.TryGetProperty("data", out JsonElement data) && data.ValueKind == JsonValueKind.Object && JsonBody.Text(data, key) is { } image
            ? image : throw JsonBody.Invalid($"a task has no text at data.{key}, where the labelling configuration says its image is.");
}

/// <summary>Fetches the images of tasks: from Label Studio what it keeps itself, and else from the hosts that are listed for everybody.</summary>
internal sealed class TaskImages : IDisposable
{
    private readonly ImageFetcher _fetcher;
    private readonly Uri? _labelStudio;
    private readonly AuthenticationHeaderValue? _token;

    public TaskImages(IOptions<FetchOptions> fetch, IOptions<LabelStudioOptions> options)
    {
        _labelStudio = string.IsNullOrEmpty(options.Value.Url) ? null : new Uri(options.Value.Url.TrimEnd('/') + "/");
        _token = string.IsNullOrEmpty(options.Value.AccessToken) ? null : new("Token", options.Value.AccessToken);
        // Whoever says where Label Studio is wants its images fetched, and it is usually next door. For tasks only: what else asks for images by URL does not see it.
        _fetcher = new ImageFetcher(_labelStudio is null ? fetch : Options.Create(fetch.Value.And(_labelStudio.Authority)));
    }

    /// <inheritdoc cref="ImageFetcher.FetchAsync"/>
    public Task<PooledBufferWriter> FetchAsync(string image, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        Uri url = Uri.TryCreate(image.StartsWith('/') ? Own() + image.TrimStart('/') : image, UriKind.Absolute, out Uri? absolute) ? absolute
            : throw new SegmentationException(SegmentationError.InvalidRequest, $"A task's image, '{image}', is neither a URL nor a path of Label Studio.");
        bool isOwn = _labelStudio is not null && url.Scheme == _labelStudio.Scheme && url.Authority == _labelStudio.Authority;
        return _fetcher.FetchAsync(url.AbsoluteUri, isOwn ? _token : null, maxBytes, hold, cancellationToken);
    }

    public void Dispose() => _fetcher.Dispose();

    private string Own() => _labelStudio?.AbsoluteUri
        ?? throw new SegmentationException(SegmentationError.InvalidRequest, "A task's image is kept by Label Studio itself; the server's operator has to set LabelStudio:Url and LabelStudio:AccessToken.");
}
