using System.Globalization;

namespace InferenceServer.Runtime.Models;

/// <summary>How many versions of a model serve side by side.</summary>
internal static class VersionPolicy
{
    /// <summary>What <c>Models:Versions</c> may be.</summary>
    public const string Pattern = "^([Ll]atest|[Aa]ll|[1-9][0-9]{0,3})$";

    /// <summary>The number of versions that a valid value stands for; latest is one.</summary>
    public static int Count(string policy) =>
        policy.Equals("latest", StringComparison.OrdinalIgnoreCase) ? 1
        : policy.Equals("all", StringComparison.OrdinalIgnoreCase) ? int.MaxValue
        : int.Parse(policy, CultureInfo.InvariantCulture);
}
