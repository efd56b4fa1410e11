using InferenceServer.Errors;
using InferenceServer.Fetching;
using InferenceServer.Runtime;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace InferenceServer.Auth;

/// <summary>The documents that an authority publishes: its name as issuer, and the keys of its tokens' signatures.</summary>
/// <remarks>
/// A token whose signature fits none of the keys waits for a fetch that begins after the token came. So the first token of a new
/// key is taken, however soon one change of keys follows another. One fetch serves all waiting tokens, and fetches begin at least
/// a second apart: invented tokens can neither use up a budget of fetches nor load the authority.
/// </remarks>
internal sealed class AuthorityKeys : IDisposable
{
    private const string Discovery = "/.well-known/openid-configuration";
    private const int MaxDocumentBytes = 10 << 20;
    private static readonly TimeSpan Spacing = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);
    private static readonly TimeSpan RenewalRetry = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FetchTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private readonly string _authority;
    private readonly HttpClient _http = new() { MaxResponseContentBufferSize = MaxDocumentBytes };
    private readonly HttpDocumentRetriever _documents;
    private readonly TimeProvider _time;
    private readonly ILogger<AuthorityKeys> _logger;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile OpenIdConnectConfiguration? _known;
    private long _renewal; // timestamps
    private long _next;
    private Task<OpenIdConnectConfiguration>? _last;
    private int _fetches;

    public AuthorityKeys(IOptions<SecurityOptions> options, TimeProvider time, ILogger<AuthorityKeys> logger)
    {
        (_authority, _time, _logger) = (options.Value.Jwt.Authority.TrimEnd('/'), time, logger);
        // Without https, the authority is on this machine: the options' validator takes no other.
        bool isHttps = _authority.StartsWith("https:", StringComparison.OrdinalIgnoreCase);
        _http.DefaultRequestHeaders.UserAgent.Add(ImageFetcher.UserAgent);
        _documents = new HttpDocumentRetriever(_http) { RequireHttps = isHttps };
    }

    /// <summary>The documents as last fetched; fetched now if they never were.</summary>
    /// <exception cref="SegmentationException">The authority does not answer.</exception>
    public async Task<OpenIdConnectConfiguration> GetAsync()
    {
        if (_known is not { } known)
        {
            return await FetchAsync();
        }

        if (_time.GetTimestamp() >= Volatile.Read(ref _renewal))
        {
            Volatile.Write(ref _renewal, In(RenewalRetry)); // in case this fetch fails; the known keys are used until one succeeds
            _ = FetchAsync();
        }

        return known;
    }

    /// <summary>The documents as fetched after this call began.</summary>
    /// <exception cref="SegmentationException">The authority does not answer.</exception>
    public async Task<OpenIdConnectConfiguration> FetchAsync()
    {
        int before = Volatile.Read(ref _fetches);
        await _turn.WaitAsync();
        try
        {
            if (_fetches == before)
            {
                TimeSpan wait = _fetches == 0 ? TimeSpan.Zero : _time.GetElapsedTime(_time.GetTimestamp(), _next);
                await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, _time);
                _next = In(Spacing);
                Interlocked.Increment(ref _fetches);
                _last = AskAsync();
            }

            return await _last!;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _turn.Dispose();
    }

    private long In(TimeSpan wait) => _time.GetTimestamp() + (long)(wait.TotalSeconds * _time.TimestampFrequency);

    private async Task<OpenIdConnectConfiguration> AskAsync()
    {
        try
        {
            using CancellationTokenSource timeout = new(FetchTimeout, _time);
            OpenIdConnectConfiguration published =
                await OpenIdConnectConfigurationRetriever.GetAsync(_authority + Discovery, _documents, timeout.Token);
            if (published.SigningKeys.Count == 0 || string.IsNullOrEmpty(published.Issuer))
            {
                throw new InvalidDataException("The authority's documents name no issuer or no keys.");
            }

            Volatile.Write(ref _renewal, In(Lifetime));
            return _known = published;
        }
        catch (Exception e) // the network fails, the answer is no JSON, a key is malformed, and more
        {
            Log.AuthorityUnreachable(_logger, e, _authority);
            throw Unavailable(e);
        }
    }

    private static SegmentationException Unavailable(Exception inner) => new(
        ErrorTable.TokensUnavailable,
        "Tokens cannot be checked at present: their authority does not answer. Try again later, or send a key.",
        inner) { RetryAfter = RetryAfter };
}
