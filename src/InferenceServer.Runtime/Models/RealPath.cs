namespace InferenceServer.Runtime.Models;

/// <summary>Where a path leads once every link on its way is followed: two releases differ in it, even where names, lengths and times do not.</summary>
internal static class RealPath
{
    private const int MostLinks = 40; // as many as Linux follows

    /// <exception cref="IOException">The links go round in circles.</exception>
    public static string Of(string path) => Of(Path.GetFullPath(path), MostLinks);

    private static string Of(string path, int links)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return path; // the root
        }

        string folder = Of(parent, links);
        FileInfo entry = new(Path.Combine(folder, Path.GetFileName(path)));
        return entry.LinkTarget is not { } target ? entry.FullName
            : links > 0 ? Of(Path.GetFullPath(target, folder), links - 1)
            : throw new IOException($"Too many links: '{entry.FullName}'.");
    }
}
