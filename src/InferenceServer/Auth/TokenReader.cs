using System.Security.Claims;
using System.Security.Principal;
using InferenceServer.Runtime;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace InferenceServer.Auth;

/// <summary>Reads JSON Web Tokens of one authority, whose keys are fetched at the first token and again when one names a key that is new.</summary>
internal sealed class TokenReader
{
    private const string Discovery = "/.well-known/openid-configuration";

    // An authority that publishes its keys for everybody signs with a private one; HS256 would turn what is published into a secret that signs.
    private static readonly string[] Algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"];

    // OAuth 2.0 (RFC 8693) has one text with spaces between, others a list, or roles.
    private static readonly string[] ScopeClaims = ["scope", "scp", "roles"];

    // A person is the subject. A program that asks for itself may have none, and is named as RFC 9068, OpenID Connect or Entra ID do.
    private static readonly string[] NameClaims = ["sub", "client_id", "azp", "appid"];
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private readonly JwtOptions _options;
    private readonly ILogger<TokenReader> _logger;
    private readonly JsonWebTokenHandler _handler = new();
    private readonly ConfigurationManager<OpenIdConnectConfiguration>? _authority;

    public TokenReader(IOptions<SecurityOptions> options, ILogger<TokenReader> logger)
    {
        _options = options.Value.Jwt;
        _logger = logger;
        if (_options.Authority.Length > 0)
        {
            HttpDocumentRetriever http = new(new HttpClient { Timeout = Patience }) { RequireHttps = _options.Authority.StartsWith("https:", StringComparison.OrdinalIgnoreCase) }; // else it is this machine's: see the validator
            _authority = new ConfigurationManager<OpenIdConnectConfiguration>(_options.Authority.TrimEnd('/') + Discovery, new OpenIdConnectConfigurationRetriever(), http);
        }
    }

    /// <summary>Whether tokens are taken at all.</summary>
    public bool IsEnabled => _authority is not null;

    /// <summary>Whether this may be a token: three parts, or it is not worth a look.</summary>
    public bool MayBeToken(string secret) => IsEnabled && _handler.CanReadToken(secret);

    /// <summary>Who the token stands for, or why it stands for nobody.</summary>
    /// <exception cref="SegmentationException">The authority's keys cannot be had.</exception>
    public async Task<(Caller? Caller, string Reason)> ReadAsync(string token, CancellationToken cancellationToken)
    {
        try
        {
            await _authority!.GetConfigurationAsync(cancellationToken);
        }
        catch (InvalidOperationException e)
        {
            Log.AuthorityUnreachable(_logger, e, _options.Authority);
            throw new SegmentationException(SegmentationError.TokensUnavailable, "Tokens cannot be checked at present: their authority does not answer. Try again later, or send a key.") { RetryAfter = RetryAfter };
        }

        TokenValidationResult result = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ConfigurationManager = _authority,
            ValidAudience = _options.Audience,
            ValidAlgorithms = Algorithms,
            ClockSkew = TimeSpan.FromMinutes(1),
        });
        return result is not { IsValid: true, SecurityToken: JsonWebToken valid } ? (null, Reason(result.Exception))
            : Name(valid) is { } name ? (new Caller(new ClaimsPrincipal(new GenericIdentity(name, "Token")), Scopes(valid), Budget: null), "")
            : (null, $"it does not say whom it stands for; it needs one of {string.Join(", ", NameClaims)}");
    }

    private static string? Name(JsonWebToken token) =>
        NameClaims.Select(name => token.Claims.FirstOrDefault(c => c.Type == name)?.Value).FirstOrDefault(value => !string.IsNullOrEmpty(value));

    private Scope Scopes(JsonWebToken token)
    {
        HashSet<string> named = [.. token.Claims.Where(c => ScopeClaims.Contains(c.Type, StringComparer.Ordinal)).SelectMany(c => c.Value.Split(' '))];
        return (named.Contains(_options.InferScope) ? Scope.Infer : Scope.None) | (named.Contains(_options.AdminScope) ? Scope.Admin : Scope.None);
    }

    private static string Reason(Exception? exception) => exception switch
    {
        SecurityTokenExpiredException => "it has expired",
        SecurityTokenNotYetValidException => "it is not valid yet",
        SecurityTokenInvalidAudienceException => "it is for another audience",
        SecurityTokenInvalidIssuerException => "another authority issued it",
        SecurityTokenNoExpirationException => "it never expires",
        _ => "its signature does not hold",
    };
}
