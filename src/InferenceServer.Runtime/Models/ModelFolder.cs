using System.Globalization;
using System.IO.Enumeration;
using System.Text;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Models;

/// <summary>The folder of one model: what lies in it, and a stamp that changes with any of its files.</summary>
internal sealed class ModelFolder(string path)
{
    private const string Graph = "model.onnx";

    // A stamp is made of names, lengths, times and where links lead: hashing gigabytes at every look would be felt.
    private static readonly EnumerationOptions Everything = new()
    {
        RecurseSubdirectories = true,
        IgnoreInaccessible = true,
        AttributesToSkip = 0,
    };
    private static readonly EnumerationOptions TopOnly = new() { IgnoreInaccessible = true };

    /// <summary>The full path.</summary>
    public string Path { get; } = path;

    /// <summary>The model's name.</summary>
    public string Name { get; } = System.IO.Path.GetFileName(path);

    /// <summary>The versions that have a graph, largest number first.</summary>
    public IReadOnlyList<int> Versions =>
    [
        .. Directory.EnumerateDirectories(Path, "*", TopOnly)
            .Select(folder => Version(System.IO.Path.GetFileName(folder)))
            .Where(version => version > 0 && File.Exists(GraphFile(version)))
            .OrderDescending(),
    ];

    /// <summary>The models under <paramref name="root"/>, by name.</summary>
    public static IReadOnlyList<ModelFolder> List(string root) =>
    [
        .. Directory.EnumerateDirectories(root, "*", TopOnly)
            .Where(HoldsModel)
            .Order(StringComparer.Ordinal)
            .Select(folder => new ModelFolder(folder)),
    ];

    /// <summary>The ONNX files in <paramref name="folder"/> and <paramref name="depth"/> levels below it.</summary>
    public static IEnumerable<string> Graphs(string folder, int depth) => Directory.EnumerateFiles(
        folder, "*.onnx",
        new EnumerationOptions
        {
            RecurseSubdirectories = depth > 0,
            MaxRecursionDepth = depth,
            IgnoreInaccessible = true,
        });

    /// <summary>The graph of a version.</summary>
    public string GraphFile(int version) => System.IO.Path.Combine(Path, version.ToString(CultureInfo.InvariantCulture), Graph);

    /// <summary>The state of the manifest and all versions.</summary>
    public string Stamp() => string.Concat(Versions.Select(Stamp).Prepend(Manifest()));

    /// <summary>The state of the manifest and of one version: its graph and whatever weights lie beside it.</summary>
    public string Stamp(int version)
    {
        StringBuilder stamp = new(Manifest());
        foreach (string file in Files(System.IO.Path.GetDirectoryName(GraphFile(version))!).Order(StringComparer.Ordinal))
        {
            Append(stamp, file);
        }

        return stamp.ToString();
    }

    // A folder of tools beside the models is no broken model; one that holds a graph somewhere is, and says what it
    // lacks.
    private static bool HoldsModel(string folder)
    {
        try
        {
            return File.Exists(System.IO.Path.Combine(folder, ManifestReader.FileName)) || Graphs(folder, depth: 2).Any();
        }
        catch (IOException)
        {
            return true; // reading the folder reports the error, for this model alone
        }
    }

    // Folders that are links are not gone into, since they may lead back to where they lie; where they lead is part of
    // the stamp.
    private static FileSystemEnumerable<string> Files(string folder) => new(folder, static (ref entry) => entry.ToFullPath(), Everything)
    {
        ShouldIncludePredicate = static (ref entry) => !entry.IsDirectory || IsLink(ref entry),
        ShouldRecursePredicate = static (ref entry) => !IsLink(ref entry),
    };

    private static bool IsLink(ref FileSystemEntry entry) => entry.Attributes.HasFlag(FileAttributes.ReparsePoint);

    // "007" is no version: its number would lead to another folder.
    private static int Version(string name)
    {
        if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int version)
            && version.ToString(CultureInfo.InvariantCulture) == name)
        {
            return version;
        }

        return 0;
    }

    private string Manifest()
    {
        StringBuilder stamp = new();
        Append(stamp, System.IO.Path.Combine(Path, ManifestReader.FileName));
        return stamp.ToString();
    }

    private void Append(StringBuilder stamp, string file)
    {
        FileInfo real = new(RealPath.Of(file)); // a link is as old as itself, whatever it points to
        stamp.Append(CultureInfo.InvariantCulture, $"{System.IO.Path.GetRelativePath(Path, file)} {real.FullName}");
        if (real.Exists)
        {
            stamp.Append(CultureInfo.InvariantCulture, $" {real.Length} {real.LastWriteTimeUtc.Ticks}");
        }

        stamp.Append('\n');
    }
}

/// <summary>The path after all links were followed. It tells two releases apart even where names, lengths and times are
/// equal.</summary>
internal static class RealPath
{
    private const int MostLinks = 40; // as many as Linux follows

    /// <exception cref="IOException">The links form a circle.</exception>
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

        throw new IOException($"Too many links: '{entry.FullName}'.");
    }
}
