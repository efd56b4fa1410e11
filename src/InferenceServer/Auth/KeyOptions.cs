using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

/// <summary>One key; section <c>Security:Keys:NAME</c>.</summary>
public sealed class KeyOptions
{
    /// <summary><c>sha256:</c> and the 64 hexadecimal digits of the key's hash. The server never has the key
    /// itself.</summary>
    [Required]
    [RegularExpression(
        "^sha256:[0-9A-Fa-f]{64}$",
        ErrorMessage = "{0}: expected sha256: and 64 hexadecimal digits, as `inference-server key` prints them.")]
    public string Hash { get; set; } = "";

    /// <summary>The key's scopes: infer, admin, or both, separated by a comma. Default infer.</summary>
    [Range((int)Scope.Infer, (int)(Scope.Infer | Scope.Admin), ErrorMessage = "{0}: expected infer, admin, or both.")]
    public Scope Scopes { get; set; } = Scope.Infer;

    /// <summary>Masks a second on average, 0.00001 (about one a day) or more; 0 is no limit. Default 0.</summary>
    [Range(0, 1e6)]
    public double RequestsPerSecond { get; set; }

    /// <summary>Masks at once after a pause, where there is a rate. Default 20.</summary>
    [Range(1, 1_000_000)]
    public int Burst { get; set; } = 20;

    /// <summary>Masks in each hour of the clock; 0 is no limit. Default 0.</summary>
    [Range(0, long.MaxValue)]
    public long RequestsPerHour { get; set; }

    /// <summary>Masks in each day from midnight UTC; 0 is no limit. Default 0.</summary>
    [Range(0, long.MaxValue)]
    public long RequestsPerDay { get; set; }
}

[OptionsValidator]
internal sealed partial class KeyOptionsValidator : IValidateOptions<KeyOptions>;
