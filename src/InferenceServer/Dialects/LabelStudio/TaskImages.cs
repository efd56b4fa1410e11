using System.Net.Http.Headers;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Fetches the images of tasks: from Label Studio what it keeps itself, and else from the hosts that are listed for everybody.</summary>
internal sealed class TaskImages(ImageFetcher fetcher, IOptions<LabelStudioOptions> options)
{
    private readonly Uri? _labelStudio = string.IsNullOrEmpty(options.Value.Url) ? null : new Uri(options.Value.Url.TrimEnd('/') + "/");
    private readonly AuthenticationHeaderValue? _token = string.IsNullOrEmpty(options.Value.AccessToken) ? null : new("Token", options.Value.AccessToken);

    /// <inheritdoc cref="ImageFetcher.FetchAsync"/>
    public Task<PooledBufferWriter> FetchAsync(string image, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        Uri url = image.StartsWith('/') ? Relative(image)
            : Uri.TryCreate(image, UriKind.Absolute, out Uri? absolute) ? absolute
            : throw new SegmentationException(SegmentationError.InvalidRequest, $"A task's image, '{image}', is neither a URL nor a path of Label Studio.");
        bool isOwn = _labelStudio is not null && url.Scheme == _labelStudio.Scheme && url.Authority == _labelStudio.Authority;
        return fetcher.FetchAsync(url.AbsoluteUri, isOwn ? _token : null, maxBytes, hold, cancellationToken);
    }

    private Uri Relative(string path) => _labelStudio is null
        ? throw new SegmentationException(SegmentationError.InvalidRequest, "A task's image is kept by Label Studio itself; the server's operator has to set LabelStudio:Url and LabelStudio:AccessToken.")
        : new Uri(_labelStudio, path.TrimStart('/'));
}
