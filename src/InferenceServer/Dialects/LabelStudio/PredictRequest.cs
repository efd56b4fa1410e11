using System.Net.Http.Headers;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>A request for predictions.</summary>
/// <param name="Control">The control that takes the masks.</param>
/// <param name="Images">The image of each task: a URL, or a path of Label Studio.</param>
internal sealed record PredictRequest(LabelControl Control, IReadOnlyList<string> Images)
{
    private const int MaxTasks = 1000;

    /// <exception cref="SegmentationException">A member is missing or wrong.</exception>
    public static PredictRequest Parse(JsonMembers body)
    {
        LabelControl control = LabelControl.Parse(
            body.Text("label_config") ?? throw JsonBody.Invalid("expected a member 'label_config'."));
        IEnumerable<JsonMembers?> tasks = body.Objects("tasks", MaxTasks)
            ?? throw JsonBody.Invalid($"expected a member 'tasks', a list of at most {MaxTasks}.");
        return new PredictRequest(control, [.. tasks.Select(task => Image(task, control.Key))]);
    }

    private static string Image(JsonMembers? task, string key)
    {
        if (task?.Object("data")?.Text(key) is { } image)
        {
            return image;
        }

        throw JsonBody.Invalid(
            $"expected the image of each task as text in data.{key}, as the labelling configuration says, found "
            + "none.");
    }
}

/// <summary>Fetches the images of tasks: uploads from Label Studio, other images from the hosts in
/// <see cref="FetchOptions"/>.</summary>
internal sealed class TaskImages : IDisposable
{
    private readonly ImageFetcher _fetcher;
    private readonly Uri? _labelStudio;
    private readonly AuthenticationHeaderValue? _token;

    public TaskImages(IOptions<FetchOptions> fetch, IOptions<LabelStudioOptions> options)
    {
        if (!string.IsNullOrEmpty(options.Value.Url))
        {
            _labelStudio = new Uri(options.Value.Url.TrimEnd('/') + "/");
        }

        if (!string.IsNullOrEmpty(options.Value.AccessToken))
        {
            _token = new AuthenticationHeaderValue("Token", options.Value.AccessToken);
        }

        // Label Studio's host is allowed with any address, for tasks only: other requests with a URL cannot reach it.
        _fetcher = new ImageFetcher(
            _labelStudio is null ? fetch : Options.Create(fetch.Value.And(_labelStudio.Authority)));
    }

    /// <inheritdoc cref="ImageFetcher.FetchAsync"/>
    public Task<PooledBufferWriter> FetchAsync(
        string image, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        string address = image.StartsWith('/') ? Own() + image.TrimStart('/') : image;
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? url))
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, $"Expected a URL or a path of Label Studio as a task's image, got '{image}'.");
        }

        bool isOwn = _labelStudio is not null && url.Scheme == _labelStudio.Scheme && url.Authority == _labelStudio.Authority;
        return _fetcher.FetchAsync(url.AbsoluteUri, isOwn ? _token : null, maxBytes, hold, cancellationToken);
    }

    public void Dispose() => _fetcher.Dispose();

    private string Own() => _labelStudio?.AbsoluteUri
        ?? throw new SegmentationException(
            SegmentationError.InvalidRequest,
            "A task's image is stored in Label Studio, whose address is unknown. "
            + "The operator must set LabelStudio:Url and LabelStudio:AccessToken.");
}
