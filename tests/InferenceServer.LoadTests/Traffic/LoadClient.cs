using System.Net;
using System.Net.Http.Headers;
using InferenceServer.LoadTests.Photos;

namespace InferenceServer.LoadTests.Traffic;

/// <summary>Sends images and throws the masks away.</summary>
internal sealed class LoadClient(Uri target) : IDisposable
{
    private static readonly MediaTypeHeaderValue Jpeg = new("image/jpeg");

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false })
    {
        Timeout = Timeout.InfiniteTimeSpan, // the window's own token ends what takes too long
    };

    /// <summary>One request.</summary>
    /// <param name="photo">The body.</param>
    /// <param name="now">Seconds since the window began.</param>
    /// <param name="scheduled">When the request was due.</param>
    /// <param name="cancellationToken">Gives the answer up.</param>
    public async Task<Sample> SendAsync(Photo photo, Func<double> now, double scheduled, CancellationToken cancellationToken)
    {
        try
        {
            using HttpRequestMessage request = Request(photo);
            using HttpResponseMessage response = await _http.SendAsync(
                request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
                .ConfigureAwait(false);
            await response.Content.CopyToAsync(Stream.Null, cancellationToken).ConfigureAwait(false);
            return new Sample(
                scheduled, now(), Judge(response.StatusCode), (int)response.StatusCode,
                response.Headers.RetryAfter?.Delta?.TotalSeconds);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return new Sample(scheduled, now(), Outcome.Failed, 0, null);
        }
    }

    /// <summary>The mask of one image.</summary>
    public async Task<byte[]> MaskAsync(Photo photo)
    {
        using HttpRequestMessage request = Request(photo);
        using HttpResponseMessage response = await _http.SendAsync(request).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
    }

    public void Dispose() => _http.Dispose();

    private HttpRequestMessage Request(Photo photo)
    {
        ByteArrayContent content = new(photo.Jpeg);
        content.Headers.ContentType = Jpeg;
        return new HttpRequestMessage(HttpMethod.Post, target) { Content = content };
    }

    private static Outcome Judge(HttpStatusCode status) => status switch
    {
        HttpStatusCode.OK => Outcome.Accepted,
        HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => Outcome.Refused,
        _ => Outcome.Failed,
    };
}
