namespace InferenceServer.Runtime.Manifests;

/// <summary>A manifest that cannot be served: each error names the key and what was expected.</summary>
/// <param name="file">The manifest, as shown to the operator.</param>
/// <param name="errors">One sentence for each wrong key.</param>
public sealed class ManifestException(string file, IReadOnlyList<string> errors)
    : Exception($"{file}: {string.Join("; ", errors.Select(e => e.ReplaceLineEndings(" ").TrimEnd(' ', '.')))}.")
{
    /// <summary>One sentence for each wrong key.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}
