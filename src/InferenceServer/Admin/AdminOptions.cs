using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Admin;

/// <summary>Who may change what is served; section <c>Admin</c>.</summary>
public sealed class AdminOptions
{
    /// <summary>The key that load and unload ask for, as it is or as <c>sha256:</c> and the 64 hexadecimal digits of its hash. Default none: nobody may.</summary>
    [RegularExpression("^(?!sha256:).{16,}$|^sha256:[0-9A-Fa-f]{64}$", ErrorMessage = "{0}: expected 16 characters or more, or sha256: and 64 hexadecimal digits.")]
    public string? Key { get; set; }
}
