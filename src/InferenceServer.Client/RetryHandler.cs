using System.Net;
using System.Net.Http.Headers;

namespace InferenceServer.Client;

/// <summary>Sends again what a full or loading server refused, when its <c>Retry-After</c> says.</summary>
/// <remarks>Only 429 and 503, which the server gives before it has done anything worth keeping; a request for a mask changes nothing and can be sent again.</remarks>
internal sealed class RetryHandler(InferenceClientOptions options, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(200);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (int retry = 0; ; retry++)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (retry >= options.MaxRetries || response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable))
            {
                return response;
            }

            TimeSpan wait = Wait(response.Headers.RetryAfter) ?? FirstWait * Math.Pow(2, retry);
            response.Dispose();
            await Task.Delay(wait < options.MaxWait ? wait : options.MaxWait, options.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private TimeSpan? Wait(RetryConditionHeaderValue? after) => after switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - options.Time.GetUtcNow() is var wait && wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
        _ => null,
    };
}
