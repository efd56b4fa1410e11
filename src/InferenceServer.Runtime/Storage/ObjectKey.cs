namespace InferenceServer.Runtime.Storage;

/// <summary>Keys that every store can hold: names with <c>/</c> between them, which never lead out of a folder.</summary>
/// <remarks>A store on S3 may have other keys, such as <c>a//b</c>. Such keys are neither listed nor opened, because a
/// caller may use a key as the path of a file.</remarks>
internal static class ObjectKey
{
    // Begins the names of files that are being written.
    private const string Temporary = ".writing-";
    private const int MaxBytes = 1024; // S3's own limit

    private static readonly char[] Forbidden =
        OperatingSystem.IsWindows() ? Path.GetInvalidFileNameChars() : ['\\'];

    /// <summary>The name of a file that is being written; no key has such a name.</summary>
    public static string TemporaryName() => Temporary + Path.GetRandomFileName();

    /// <summary>Refuses a key that not every store can hold.</summary>
    /// <param name="key">An object's key.</param>
    /// <param name="place">The store's place, for the message.</param>
    /// <exception cref="StorageException">The key has empty names, <c>.</c>, <c>..</c>, or characters that no file
    /// has.</exception>
    public static void Check(string key, string place)
    {
        if (!IsValid(key))
        {
            throw new StorageException(
                $"{place}: expected a key of names with '/' between them, without '.', '..', backslashes and control " +
                $"characters, got '{Printable(key)}'; choose another name.",
                isTransient: false);
        }
    }

    /// <summary>Refuses a prefix that is neither empty nor a valid key with <c>/</c> at its end.</summary>
    /// <inheritdoc cref="Check"/>
    public static void CheckPrefix(string prefix, string place)
    {
        if (prefix.Length > 0)
        {
            Check(prefix.EndsWith('/') ? prefix[..^1] : "", place);
        }
    }

    /// <summary>Whether every store can hold the key.</summary>
    public static bool IsValid(string key) =>
        key.Length > 0 && System.Text.Encoding.UTF8.GetByteCount(key) <= MaxBytes && key.Split('/').All(IsName);

    /// <summary>Whether a file of this name can be an object.</summary>
    public static bool IsName(string name) => name is not ("" or "." or "..")
        && !name.StartsWith(Temporary, StringComparison.Ordinal)
        && !name.Any(char.IsControl)
        && name.IndexOfAny(Forbidden) < 0;

    /// <summary>A text for a message: on one line.</summary>
    public static string Printable(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
}
