namespace InferenceServer.Runtime.Storage;

/// <summary>Resolves all links in a path. The resolved path distinguishes two releases whose names, lengths and times
/// are equal.</summary>
internal static class RealPath
{
    private const int MostLinks = 40; // Linux's own limit

    /// <exception cref="IOException">The links form a cycle.</exception>
    public static string Of(string path) => Of(Path.GetFullPath(path), MostLinks);

    private static string Of(string path, int links)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return path; // the root
        }

        string folder = Of(parent, links);
        FileInfo entry = new(Path.Combine(folder, Path.GetFileName(path)));
        if (entry.LinkTarget is not { } target)
        {
            return entry.FullName;
        }

        if (links > 0)
        {
            return Of(Path.GetFullPath(target, folder), links - 1);
        }

        throw new IOException($"Expected at most {MostLinks} links, got more: '{entry.FullName}'.");
    }
}
