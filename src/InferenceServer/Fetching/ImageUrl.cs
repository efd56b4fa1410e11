using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;

namespace InferenceServer.Fetching;

/// <summary>A body <c>{"url": …}</c> instead of an image.</summary>
internal static class ImageUrl
{
    private const int MaxBodyBytes = 64 * 1024;

    /// <summary>Reads the image that a request holds or, where hosts are listed, points to.</summary>
    /// <inheritdoc cref="ImageReader"/>
    public static async Task<PooledBufferWriter> ReadAsync(this ImageFetcher fetcher, HttpRequest request, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        if (!fetcher.IsEnabled || !JsonBody.IsJson(request))
        {
            return await ImageBody.ReadAsync(request, maxBytes, hold, cancellationToken);
        }

        string url = await JsonBody.ReadAsync(
            request, MaxBodyBytes, hold, body => JsonBody.Text(body, "url") ?? throw JsonBody.Invalid("expected {\"url\": \"https://…\"}."), cancellationToken);
        return await fetcher.FetchAsync(url, authorization: null, maxBytes, hold, cancellationToken);
    }
}
