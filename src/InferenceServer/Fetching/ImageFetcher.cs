using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using InferenceServer.Errors;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;

namespace InferenceServer.Fetching;

/// <summary>Fetches images by URL, from listed hosts only, also after redirects.</summary>
/// <remarks>The address is checked when the connection is made, so that a name that changes its address after the check
/// gains nothing.</remarks>
internal sealed class ImageFetcher : IDisposable
{
    private const int MaxHeaderKilobytes = 32;

    /// <summary>How the server names itself to other servers.</summary>
    public static readonly ProductInfoHeaderValue UserAgent = new("InferenceServer", Arguments.Version);

    private readonly FetchOptions _options;
    private readonly HostPattern[] _public, _private;
    private readonly HttpMessageInvoker _http;

    public ImageFetcher(IOptions<FetchOptions> options)
    {
        _options = options.Value;
        _public = [.. _options.Hosts.Select(h => HostPattern.Parse(h)!)];
        _private = [.. _options.PrivateHosts.Select(h => HostPattern.Parse(h)!)];
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false, // a proxy would make the connection, and its address would not be checked
            UseCookies = false,
            MaxResponseHeadersLength = MaxHeaderKilobytes,
            ConnectCallback = ConnectAsync,
        });
    }

    /// <summary>Whether any host is listed.</summary>
    public bool IsEnabled => _public.Length + _private.Length > 0;

    /// <summary>Fetches an image.</summary>
    /// <param name="url">The image's URL.</param>
    /// <param name="authorization">Returns the credentials for a URL, or throws where it may not be fetched; asked again
    /// after each redirect. Null for none.</param>
    /// <param name="maxBytes">Most bytes of an image.</param>
    /// <param name="hold">Called with the number of bytes received so far.</param>
    /// <param name="cancellationToken">Cancels fetching.</param>
    /// <returns>The bytes; the caller disposes the buffer.</returns>
    /// <exception cref="SegmentationException">The host is not listed, does not answer, or answers with an error or too
    /// many bytes.</exception>
    public async Task<PooledBufferWriter> FetchAsync(
        string url, Func<Uri, CancellationToken, ValueTask<AuthenticationHeaderValue?>>? authorization, long maxBytes,
        Action<long> hold, CancellationToken cancellationToken)
    {
        Uri first = Uri.TryCreate(url, UriKind.Absolute, out Uri? given) ? given : throw Refused(
            "expected an absolute URL.");
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.Timeout);
        try
        {
            Uri at = first;
            for (int redirects = 0; ; redirects++)
            {
                Check(at);
                using HttpRequestMessage request = new(HttpMethod.Get, at);
                request.Headers.UserAgent.Add(UserAgent);
                if (authorization is not null)
                {
                    request.Headers.Authorization = await authorization(at, timeout.Token);
                }

                using HttpResponseMessage response = await _http.SendAsync(request, timeout.Token);
                if ((int)response.StatusCode is >= 300 and < 400 && response.Headers.Location is { } location)
                {
                    if (redirects == _options.MaxRedirects)
                    {
                        throw Failed($"expected at most {_options.MaxRedirects} redirects, got more.");
                    }

                    at = Uri.TryCreate(at, location, out Uri? next) ? next : throw Failed(
                        "it redirects to an invalid URL.");
                    continue;
                }

                if (response.IsSuccessStatusCode)
                {
                    return await ReadAsync(response.Content, maxBytes, hold, timeout.Token);
                }

                throw Failed($"its host answered {(int)response.StatusCode}.");
            }
        }
        catch (HttpRequestException e)
        {
            throw e.InnerException as SegmentationException ?? Failed("its host could not be reached.", e);
        }
        catch (IOException e)
        {
            throw Failed("the connection to its host broke.", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Failed(
                $"expected it within {_options.Timeout.TotalSeconds:0.###} s (Fetch:Timeout), and it took longer.", e);
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<PooledBufferWriter> ReadAsync(
        HttpContent content, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        await using Stream body = await content.ReadAsStreamAsync(cancellationToken);
        return await BodyReader.ReadAsync(
            body, content.Headers.ContentLength, maxBytes, hold, "The image", cancellationToken);
    }

    private void Check(Uri at)
    {
        if (at.Scheme is not ("http" or "https") || at.UserInfo.Length > 0)
        {
            throw Refused("expected http or https, without a user in the URL.");
        }

        if (!IsAmong(_public, at.IdnHost, at.Port) && !IsAmong(_private, at.IdnHost, at.Port))
        {
            throw Refused($"the host '{at.Authority}' is not listed. The operator can list it in Fetch:Hosts.");
        }
    }

    private async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        DnsEndPoint host = context.DnsEndPoint;
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(host.Host, cancellationToken);
        if (!IsAmong(_private, host.Host, host.Port) && !addresses.All(PublicAddress.Is))
        {
            throw Refused(
                $"'{host.Host}' has an address in a private network. "
                + "The operator can list the host in Fetch:PrivateHosts.");
        }

        using Owned<Socket> socket = new(new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await socket.Value.ConnectAsync(addresses, host.Port, cancellationToken);
        return new NetworkStream(socket.Release(), ownsSocket: true);
    }

    private static bool IsAmong(HostPattern[] patterns, string host, int port) =>
        patterns.Any(p => p.Matches(host, port, isUsualPort: port is 80 or 443));

    private static SegmentationException Refused(string reason) =>
        new(SegmentationError.InvalidRequest, "The image's URL was refused: " + reason);

    private static SegmentationException Failed(string reason, Exception? cause = null) =>
        new(ErrorTable.ImageNotFetched, "The image could not be fetched: " + reason, cause);
}
