using System.Collections.Frozen;
using System.IO.Enumeration;

namespace InferenceServer.Cli.Hosting;

/// <summary>The image files among a command's arguments.</summary>
internal static class ImageFiles
{
    private static readonly FrozenSet<string> Extensions =
        new[] { ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".gif" }.ToFrozenSet(
            StringComparer.OrdinalIgnoreCase);

    /// <summary>The subfolder of an image that was named, or lies directly in a named folder.</summary>
    public const string Here = ".";

    /// <summary>Returns each named file, whatever its extension, and the images directly in each folder, ordered by
    /// name.</summary>
    /// <exception cref="CommandException">A path does not exist, or no image was found.</exception>
    public static IReadOnlyList<string> Expand(IReadOnlyList<string> paths) =>
        [.. Expand(paths, isRecursive: false, except: null).Select(file => file.Path)];

    /// <summary>Returns each named file, whatever its extension, and the images in each folder, ordered by name.</summary>
    /// <param name="paths">Files and folders; none returns none.</param>
    /// <param name="isRecursive">Whether folders in folders are searched, but for links.</param>
    /// <param name="except">A folder that is not searched, unless it is named; null is none.</param>
    /// <exception cref="CommandException">A path does not exist, or no image was found.</exception>
    public static IReadOnlyList<ImageFile> Expand(IReadOnlyList<string> paths, bool isRecursive, string? except)
    {
        List<ImageFile> files = [];
        string? excluded = except is null ? null : Path.TrimEndingDirectorySeparator(Path.GetFullPath(except));
        foreach (string path in paths)
        {
            if (Directory.Exists(path))
            {
                files.AddRange(InFolder(path, isRecursive, excluded).OrderBy(file => file.Path, StringComparer.Ordinal));
            }
            else if (File.Exists(path))
            {
                files.Add(new ImageFile(path, Here));
            }
            else
            {
                throw new CommandException($"Expected a file or folder '{path}', found none.");
            }
        }

        if (files.Count > 0 || paths.Count == 0)
        {
            return files;
        }

        throw new CommandException(
            "Expected images "
            + $"({string.Join(", ", Extensions.Order())}) in {string.Join(", ", paths)}, found none.");
    }

    private static FileSystemEnumerable<ImageFile> InFolder(string folder, bool isRecursive, string? excluded)
    {
        EnumerationOptions options = new() { RecurseSubdirectories = isRecursive, IgnoreInaccessible = false, AttributesToSkip = 0 };
        return new FileSystemEnumerable<ImageFile>(folder, Find, options)
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) =>
                !entry.IsDirectory && Extensions.Contains(Path.GetExtension(entry.FileName).ToString()),
            // A link may lead back to where it stands.
            ShouldRecursePredicate = (ref FileSystemEntry entry) =>
                !entry.Attributes.HasFlag(FileAttributes.ReparsePoint) && Path.GetFullPath(entry.ToFullPath()) != excluded,
        };

        ImageFile Find(ref FileSystemEntry entry)
        {
            string from = entry.RootDirectory.ToString();
            return new ImageFile(entry.ToSpecifiedFullPath(), Path.GetRelativePath(from, entry.Directory.ToString()));
        }
    }
}

/// <summary>An image file.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Subfolder">Its folder, from the named folder on; . is the named folder itself.</param>
internal sealed record ImageFile(string Path, string Subfolder);

/// <summary>Writes files atomically: a reader finds the whole new file, or the old one.</summary>
internal static class WholeFile
{
    /// <summary>Writes a file in an existing folder.</summary>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        string unfinished = path + ".part";
        try
        {
            await File.WriteAllBytesAsync(unfinished, content, cancellationToken).ConfigureAwait(false);
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }
}
