using System.Net.Http.Headers;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

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
