using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>JSON Web Tokens beside keys; section <c>Security:Jwt</c>.</summary>
public sealed class JwtOptions
{
    /// <summary>Who issues the tokens, such as <c>https://login.example.org/realms/maps</c>: its discovery document names the issuer and the keys of the signatures. Empty, the default, takes no tokens.</summary>
    public string Authority { get; set; } = "";

    /// <summary>What a token's <c>aud</c> has to name, so that tokens for other services open nothing here. Needed with an authority.</summary>
    public string Audience { get; set; } = "";

    /// <summary>How tokens spell the scope infer. Default <c>infer</c>.</summary>
    [Required]
    public string InferScope { get; set; } = "infer";

    /// <summary>How tokens spell the scope admin. Default <c>admin</c>.</summary>
    [Required]
    public string AdminScope { get; set; } = "admin";
}

[OptionsValidator]
internal sealed partial class JwtOptionsValidator : IValidateOptions<JwtOptions>;
