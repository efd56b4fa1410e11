using System.Collections.Frozen;

namespace InferenceServer.Cli.Hosting;

/// <summary>The image files among a command's arguments.</summary>
internal static class ImageFiles
{
    private static readonly FrozenSet<string> Extensions =
        new[] { ".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif", ".gif" }.ToFrozenSet(
            StringComparer.OrdinalIgnoreCase);

    /// <summary>Returns each named file, whatever its extension, and the images directly in each folder, ordered by
    /// name.</summary>
    /// <exception cref="CommandException">A path does not exist, or no image was found.</exception>
    public static IReadOnlyList<string> Expand(IEnumerable<string> paths)
    {
        List<string> files = [];
        foreach (string path in paths)
        {
            if (Directory.Exists(path))
            {
                files.AddRange(InFolder(path));
            }
            else if (File.Exists(path))
            {
                files.Add(path);
            }
            else
            {
                throw new CommandException($"Expected a file or folder '{path}', found none.");
            }
        }

        if (files.Count > 0)
        {
            return files;
        }

        throw new CommandException(
            "Expected images "
            + $"({string.Join(", ", Extensions.Order())}) in {string.Join(", ", paths)}, found none.");
    }

    private static IEnumerable<string> InFolder(string folder) =>
        Directory.EnumerateFiles(folder).Where(file => Extensions.Contains(Path.GetExtension(file)))
            .Order(StringComparer.Ordinal);
}

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
