using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace InferenceServer.Runtime.Storage;

/// <summary>A place for objects: <c>s3://bucket/prefix</c>, or a folder.</summary>
/// <param name="Bucket">The bucket's name; null for a folder.</param>
/// <param name="Path">The prefix without <c>/</c> at its ends, empty for the whole bucket; or the folder's full
/// path.</param>
internal sealed partial record StoreLocation(string? Bucket, string Path)
{
    private const string S3 = "s3://";

    /// <summary>Whether the text names a bucket and not a folder.</summary>
    public static bool IsS3(string text) => text.StartsWith(S3, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a place. A folder's relative path starts at the working directory.</summary>
    /// <exception cref="FormatException">The text is no place; the message says what was expected.</exception>
    public static StoreLocation Parse(string text)
    {
        if (TryParse(text, out StoreLocation? location, out string? problem))
        {
            return location;
        }

        throw new FormatException(problem);
    }

    /// <summary>Reads a place; the problem is a sentence for the author of the text.</summary>
    /// <inheritdoc cref="Parse"/>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out StoreLocation? location, [NotNullWhen(false)] out string? problem)
    {
        problem = Problem(text);
        location = null;
        if (problem is not null)
        {
            problem += $" Got '{ObjectKey.Printable(text)}'.";
            return false;
        }

        if (!IsS3(text))
        {
            location = new StoreLocation(
                null, System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(text)));
            return true;
        }

        string[] parts = text[S3.Length..].Split('/', 2);
        location = new StoreLocation(parts[0], parts.ElementAtOrDefault(1)?.TrimEnd('/') ?? "");
        return true;
    }

    /// <summary>The place as text: <c>s3://bucket/prefix</c> or the folder's path.</summary>
    public override string ToString()
    {
        if (Bucket is null)
        {
            return Path;
        }

        return $"{S3}{Bucket}{(Path.Length > 0 ? "/" : "")}{Path}";
    }

    private static string? Problem(string text)
    {
        if (text.Trim().Length == 0)
        {
            return "Expected s3://bucket/prefix or the path of a folder.";
        }

        if (!IsS3(text))
        {
            return FolderProblem(text);
        }

        string[] parts = text[S3.Length..].Split('/', 2);
        if (!BucketName().IsMatch(parts[0]) || parts[0].Contains("..", StringComparison.Ordinal) || Address().IsMatch(parts[0]))
        {
            return "Expected a bucket's name of 3 to 63 lower-case letters, digits, '-' and '.', as in s3://bucket/prefix.";
        }

        string prefix = parts.ElementAtOrDefault(1) ?? "";
        if (prefix.Length == 0 || ObjectKey.IsValid(prefix.EndsWith('/') ? prefix[..^1] : prefix))
        {
            return null;
        }

        return "Expected a prefix of names with '/' between them, without '.', '..', backslashes and control characters.";
    }

    private static string? FolderProblem(string text)
    {
        if (Scheme().IsMatch(text))
        {
            return "Expected s3://bucket/prefix or the path of a folder; no other kind of URL is known.";
        }

        if (text.Any(char.IsControl) || text.Split('/', '\\').Contains(".."))
        {
            return "Expected the path of a folder without '..' and control characters; give the full path.";
        }

        return null;
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")]
    private static partial Regex BucketName();

    // Amazon refuses names that look like an address.
    [GeneratedRegex(@"^\d+\.\d+\.\d+\.\d+\z")]
    private static partial Regex Address();

    [GeneratedRegex("^[a-zA-Z][a-zA-Z0-9+.-]*://")]
    private static partial Regex Scheme();
}
