using System.Net;
using System.Net.Http.Headers;

namespace InferenceServer.Client;

/// <summary>Key and retries of a client.</summary>
public sealed class InferenceClientOptions
{
    /// <summary>The key, where the server needs one. White space around the key is ignored; white space alone is no
    /// key.</summary>
    public string? Key { get; init; }

    /// <summary>Most retries of a request that a full or loading server, or a proxy without a server, refused. Default
    /// 5.</summary>
    public int MaxRetries { get; init; } = 5;

    /// <summary>Longest wait before a retry. Where the server asks for a longer wait, as after a used-up quota, its
    /// error is returned. Default 30 s.</summary>
    public TimeSpan MaxWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Called before each wait with the status of the refused request, so that a program with many requests
    /// can send fewer at a time after 429. Default none.</summary>
    public Action<HttpStatusCode>? OnRefused { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>Retries requests that a full or loading server refused, after the time in <c>Retry-After</c>.</summary>
/// <remarks>Retries 429, 503, and 502, which a proxy answers while a server restarts. A request for a mask changes nothing
/// on the server, so retrying is safe. One that makes a job is not repeated after 502, which may come after the job was
/// made.</remarks>
internal sealed class RetryHandler(InferenceClientOptions options, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>Marks a request that changes something on the server.</summary>
    public static readonly HttpRequestOptionsKey<bool> MayNotRepeat = new(nameof(MayNotRepeat));

    // Two days, longer than any MaxWait; more doublings would exceed TimeSpan's range.
    private const int MostDoublings = 20;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(200);

    protected override async Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (int retry = 0; ; retry++)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            bool isRefused = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable
                || (response.StatusCode == HttpStatusCode.BadGateway && !request.Options.TryGetValue(MayNotRepeat, out _));
            if (retry >= options.MaxRetries || !isRefused)
            {
                return response;
            }

            TimeSpan? retryAfter = Wait(response.Headers.RetryAfter);
            if (retryAfter > options.MaxWait)
            {
                return response; // an earlier retry would be refused again
            }

            options.OnRefused?.Invoke(response.StatusCode);
            response.Dispose();
            TimeSpan wait = retryAfter ?? FirstWait * Math.Pow(2, Math.Min(retry, MostDoublings));
            await Task.Delay(wait < options.MaxWait ? wait : options.MaxWait, options.Time, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    private TimeSpan? Wait(RetryConditionHeaderValue? after) => after switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date - options.Time.GetUtcNow() is var wait && wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
        _ => null,
    };
}
