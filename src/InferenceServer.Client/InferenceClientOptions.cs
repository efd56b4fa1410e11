using System.Net;
using System.Net.Http.Headers;

namespace InferenceServer.Client;

/// <summary>Key and patience of a client.</summary>
public sealed record InferenceClientOptions
{
    /// <summary>The key, where the server asks for one; white space round it is none of it, and nothing else is no key.</summary>
    public string? Key { get; init; }

    /// <summary>How often a request is sent again that a full or loading server refused. Default 5.</summary>
    public int MaxRetries { get; init; } = 5;

    /// <summary>Longest time to wait before one retry. Where the server asks for more, as once a quota is used up, its refusal is the answer. Default 30 s.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>Sends again what a full or loading server refused, when its <c>Retry-After</c> says.</summary>
/// <remarks>Only 429 and 503, which the server gives before it has done anything worth keeping; a request for a mask changes nothing and can be sent again.</remarks>
internal sealed class RetryHandler(InferenceClientOptions options, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    private const int MostDoublings = 20; // two days, which any patience cuts short; many more would leave TimeSpan's range
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

            TimeSpan? told = Told(response.Headers.RetryAfter);
            if (told > options.MaxWait)
            {
                return response; // whoever comes earlier is refused again
            }

            response.Dispose();
            TimeSpan wait = told ?? FirstWait * Math.Pow(2, Math.Min(retry, MostDoublings));
            await Task.Delay(wait < options.MaxWait ? wait : options.MaxWait, options.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    private TimeSpan? Told(RetryConditionHeaderValue? after) => after switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - options.Time.GetUtcNow() is var wait && wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
        _ => null,
    };
}
