using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>The authentication scheme of keys.</summary>
/// <remarks>It writes no log: the request's line says that the key is unknown.</remarks>
internal sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, UrlEncoder encoder, KeyRing keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, NullLoggerFactory.Instance, encoder)
{
    private static readonly AuthenticateResult Unknown = AuthenticateResult.Fail("The key is not known.");

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    private AuthenticateResult Authenticate()
    {
        if (Credentials.Of(Request) is not { } secret)
        {
            return AuthenticateResult.NoResult();
        }

        return keys.Find(secret) is { } owner
            ? AuthenticateResult.Success(new AuthenticationTicket(owner, Scheme.Name))
            : Unknown;
    }
}
