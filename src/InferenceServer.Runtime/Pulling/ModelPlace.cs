using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Pulling;

/// <summary>A place that models are pulled from: <c>s3://bucket/prefix</c> or
/// <c>hf://owner/name[@revision]</c>.</summary>
/// <param name="Text">The place as text.</param>
/// <param name="Bucket">The bucket; null for a repository of the Hugging Face Hub.</param>
/// <param name="Repository"><c>owner/name</c>; empty for a bucket.</param>
/// <param name="Revision">A branch, a tag or a commit; empty for a bucket.</param>
internal sealed partial record ModelPlace(string Text, StoreLocation? Bucket, string Repository, string Revision)
{
    private const string Hub = "hf://";
    private const string MainBranch = "main";

    /// <summary>The model's name where the place is one model: its last part.</summary>
    public string Name
    {
        get
        {
            string path = Bucket is null ? Repository : $"{Bucket.Bucket}/{Bucket.Path}".TrimEnd('/');
            return path.Split('/')[^1];
        }
    }

    /// <summary>Whether the revision is a commit, which never changes.</summary>
    public bool IsCommit => IsHash(Revision);

    /// <summary>The folder of the cache where none is configured: below <c>XDG_CACHE_HOME</c>, the home folder's
    /// <c>.cache</c>, or the temporary folder.</summary>
    public static string DefaultCache
    {
        get
        {
            string caches = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") ?? "";
            string home = Environment.GetEnvironmentVariable("HOME") ?? "";
            if (OperatingSystem.IsWindows())
            {
                caches = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
            }
            else if (caches.Length == 0 && home.Length > 1) // a container without a user has the home "/"
            {
                caches = Path.Combine(home, ".cache");
            }

            return Path.Combine(caches.Length > 0 ? caches : Path.GetTempPath(), "inference-server", "models");
        }
    }

    /// <summary>Whether the text is the hash of a commit.</summary>
    public static bool IsHash(string text) => Commit().IsMatch(text);

    /// <summary>Whether the text is a place to pull from, and not a folder.</summary>
    public static bool IsRemote(string text) =>
        StoreLocation.IsS3(text) || text.StartsWith(Hub, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a place; the problem is a sentence for the author of the text.</summary>
    public static bool TryParse(
        string text, [NotNullWhen(true)] out ModelPlace? place, [NotNullWhen(false)] out string? problem)
    {
        place = null;
        if (StoreLocation.IsS3(text))
        {
            if (StoreLocation.TryParse(text, out StoreLocation? bucket, out problem))
            {
                place = new ModelPlace(bucket.ToString(), bucket, "", "");
            }

            return place is not null;
        }

        Match match = HubPlace().Match(text);
        problem = null;
        if (!match.Success || text.Contains("..", StringComparison.Ordinal))
        {
            problem = $"Expected s3://bucket/prefix or hf://owner/name[@revision], got '{ObjectKey.Printable(text)}'.";
            return false;
        }

        string revision = match.Groups["revision"].Value;
        place = new ModelPlace(
            Hub + text[Hub.Length..], null, match.Groups["repository"].Value, revision.Length > 0 ? revision : MainBranch);
        return true;
    }

    [GeneratedRegex(
        @"^hf://(?<repository>\w[\w.-]*/\w[\w.-]*)(@(?<revision>\w[\w./-]*))?\z",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex HubPlace();

    [GeneratedRegex(@"^[0-9a-f]{40}\z")]
    private static partial Regex Commit();
}
