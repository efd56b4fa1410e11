using InferenceServer.Errors;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;

namespace InferenceServer.Fetching;

/// <summary>Fetches images for callers: from listed hosts only, along redirections that stay among them, and never from an address that a caller has no business with.</summary>
/// <remarks>The address is checked where the connection is made, so that a name which changes its address between check and use gains nothing.</remarks>
internal sealed class ImageFetcher : IDisposable
{
    private const int MaxHeaderKilobytes = 32;
    private readonly FetchOptions _options;
    private readonly HostPattern[] _open, _private;
    private readonly HttpMessageInvoker _http;

    public ImageFetcher(IOptions<FetchOptions> options)
    {
        _options = options.Value;
        _open = [.. _options.Hosts.Select(h => HostPattern.Parse(h)!)];
        _private = [.. _options.PrivateHosts.Select(h => HostPattern.Parse(h)!)];
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false, // a proxy would make the connection, and nobody check its address
            UseCookies = false,
            MaxResponseHeadersLength = MaxHeaderKilobytes,
            ConnectCallback = ConnectAsync,
        });
    }

    /// <summary>Whether any host is listed.</summary>
    public bool IsEnabled => _open.Length + _private.Length > 0;

    /// <summary>Fetches an image.</summary>
    /// <param name="url">Where it is.</param>
    /// <param name="authorization">Sent to that host only.</param>
    /// <param name="maxBytes">Most bytes of an image.</param>
    /// <param name="hold">Is told how many bytes have come.</param>
    /// <param name="cancellationToken">Ends the fetching.</param>
    /// <returns>The bytes, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">The host is not listed, does not answer, or answers with no or too large an image.</exception>
    public async Task<PooledBufferWriter> FetchAsync(string url, AuthenticationHeaderValue? authorization, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        Uri first = Uri.TryCreate(url, UriKind.Absolute, out Uri? given) ? given : throw Refused("it is no absolute URL.");
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_options.Timeout);
        try
        {
            Uri at = first;
            for (int redirects = 0; ; redirects++)
            {
                Check(at);
                using HttpRequestMessage request = new(HttpMethod.Get, at);
                request.Headers.Authorization = at.Authority == first.Authority && at.Scheme == first.Scheme ? authorization : null;
                using HttpResponseMessage response = await _http.SendAsync(request, patience.Token);
                if ((int)response.StatusCode is >= 300 and < 400 && response.Headers.Location is { } location)
                {
                    at = redirects == _options.MaxRedirects ? throw Failed($"it redirects more than {_options.MaxRedirects} times.")
                        : Uri.TryCreate(at, location, out Uri? next) ? next : throw Failed("it redirects to what is no URL.");
                    continue;
                }

                return response.IsSuccessStatusCode ? await ReadAsync(response.Content, maxBytes, hold, patience.Token) : throw Failed($"its host answers {(int)response.StatusCode}.");
            }
        }
        catch (HttpRequestException e)
        {
            throw e.InnerException as SegmentationException ?? Failed("its host does not answer as it should.", e);
        }
        catch (IOException e)
        {
            throw Failed("its host does not answer as it should.", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw Failed($"it took more than {_options.Timeout.TotalSeconds:0.###} s.", e);
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<PooledBufferWriter> ReadAsync(HttpContent content, long maxBytes, Action<long> hold, CancellationToken cancellationToken)
    {
        await using Stream body = await content.ReadAsStreamAsync(cancellationToken);
        return await BodyReader.ReadAsync(body, content.Headers.ContentLength, maxBytes, hold, "The image", cancellationToken);
    }

    private void Check(Uri at)
    {
        if (at.Scheme is not ("http" or "https") || at.UserInfo.Length > 0)
        {
            throw Refused("only http and https are fetched, without a user in the URL.");
        }

        if (!IsAmong(_open, at.IdnHost, at.Port) && !IsAmong(_private, at.IdnHost, at.Port))
        {
            throw Refused($"this server does not fetch from '{at.Authority}'; its operator can list the host in Fetch:Hosts.");
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        DnsEndPoint host = context.DnsEndPoint;
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(host.Host, cancellationToken);
        if (!IsAmong(_private, host.Host, host.Port) && !addresses.All(PublicAddress.Is))
        {
            throw Refused($"'{host.Host}' has an address within a private network; its operator can list the host in Fetch:PrivateHosts.");
        }

        using Owned<Socket> socket = new(new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
        await socket.Value.ConnectAsync(addresses, host.Port, cancellationToken);
        return new NetworkStream(socket.Release(), ownsSocket: true);
    }

    private static bool IsAmong(HostPattern[] patterns, string host, int port) => patterns.Any(p => p.Matches(host, port, isUsualPort: port is 80 or 443));

    private static SegmentationException Refused(string reason) => new(SegmentationError.InvalidRequest, "The image's URL is not fetched: " + reason);

    private static SegmentationException Failed(string reason, Exception? cause = null) => new(ErrorTable.ImageNotFetched, "The image could not be fetched: " + reason, cause);
}
