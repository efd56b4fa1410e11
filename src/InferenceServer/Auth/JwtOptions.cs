using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>JSON Web Tokens beside keys; section <c>Security:Jwt</c>.</summary>
public sealed class JwtOptions
{
    /// <summary>The authority that issues the tokens, such as <c>https://login.example.org/realms/maps</c>; its
    /// discovery document names the issuer and the signing keys. Default none: tokens are not accepted.</summary>
    public string Authority { get; set; } = "";

    /// <summary>The value that a token's <c>aud</c> must contain, so that tokens for other services are refused.
    /// Required with an authority.</summary>
    public string Audience { get; set; } = "";

    /// <summary>The word for the scope infer in tokens. Default <c>infer</c>.</summary>
    [Required]
    public string InferScope { get; set; } = "infer";

    /// <summary>The word for the scope admin in tokens. Default <c>admin</c>.</summary>
    [Required]
    public string AdminScope { get; set; } = "admin";
}

[OptionsValidator]
internal sealed partial class JwtOptionsValidator : IValidateOptions<JwtOptions>;
