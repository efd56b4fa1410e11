using System.Globalization;
using System.IO.Enumeration;
using System.Text;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Runtime.Models;

/// <summary>The folder of one model: its files, and a stamp that changes with any of the files.</summary>
/// <param name="path">The full path.</param>
/// <param name="hashes">The hash of each file, by its path with <c>/</c>: the stamp of a folder that never changes. Null
/// where the folder may change.</param>
internal sealed class ModelFolder(string path, IReadOnlyDictionary<string, string>? hashes = null)
{
    private const string Graph = "model.onnx";

    // A stamp has names, lengths, times and link targets: hashing gigabytes at every scan would be too slow.
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
    public string Name { get; init; } = System.IO.Path.GetFileName(path);

    /// <summary>The versions that have a graph, largest number first.</summary>
    public IReadOnlyList<int> Versions =>
    [
        .. Directory.EnumerateDirectories(Path, "*", TopOnly)
            .Select(folder => Version(System.IO.Path.GetFileName(folder)))
            .Where(version => version > 0 && File.Exists(GraphFile(version)))
            .OrderDescending(),
    ];

    /// <summary>Whether a folder has a manifest, or a graph anywhere below it, and so reports what is missing. A folder of
    /// tools beside the models is not a broken model.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public static bool HoldsModel(string folder) =>
        File.Exists(System.IO.Path.Combine(folder, ManifestReader.FileName)) || Graphs(folder, depth: 2).Any();

    /// <summary>The folders in <paramref name="root"/>, ordered by name.</summary>
    public static IEnumerable<string> In(string root) =>
        Directory.EnumerateDirectories(root, "*", TopOnly).Order(StringComparer.Ordinal);

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

    /// <summary>Another number format of a graph, beside it.</summary>
    /// <param name="graph">The file of <see cref="GraphFile"/>.</param>
    /// <param name="variant">A format other than float32.</param>
    public static string VariantFile(string graph, GraphVariant variant) =>
        System.IO.Path.ChangeExtension(graph, $"{variant.ToString().ToLowerInvariant()}.onnx");

    /// <summary>The manifest, and the graph of a version with the weights beside it.</summary>
    public IEnumerable<string> Files(int version) =>
        Files(System.IO.Path.GetDirectoryName(GraphFile(version))!).Prepend(System.IO.Path.Combine(Path, ManifestReader.FileName));

    /// <summary>The stamp of the manifest and all versions.</summary>
    public string Stamp() => string.Concat(Versions.Select(Stamp).Prepend(Manifest()));

    /// <summary>The stamp of the manifest and of one version: the graph and the weights beside the graph.</summary>
    public string Stamp(int version)
    {
        StringBuilder stamp = new(Manifest());
        foreach (string file in Files(System.IO.Path.GetDirectoryName(GraphFile(version))!).Order(StringComparer.Ordinal))
        {
            Append(stamp, file);
        }

        return stamp.ToString();
    }

    // Linked folders are not searched, because they may lead back to their parent; the link's target is part of the
    // stamp.
    private static FileSystemEnumerable<string> Files(string folder) => new(folder, static (ref entry) => entry.ToFullPath(), Everything)
    {
        ShouldIncludePredicate = static (ref entry) => !entry.IsDirectory || IsLink(ref entry),
        ShouldRecursePredicate = static (ref entry) => !IsLink(ref entry),
    };

    private static bool IsLink(ref FileSystemEntry entry) => entry.Attributes.HasFlag(FileAttributes.ReparsePoint);

    // "007" is not a version: its number would lead to another folder.
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
        if (hashes is not null)
        {
            string name = System.IO.Path.GetRelativePath(Path, file).Replace('\\', '/');
            stamp.Append(CultureInfo.InvariantCulture, $"{name} {hashes.GetValueOrDefault(name)}\n");
            return;
        }

        FileInfo real = new(RealPath.Of(file)); // a link has a time of its own
        stamp.Append(CultureInfo.InvariantCulture, $"{System.IO.Path.GetRelativePath(Path, file)} {real.FullName}");
        if (real.Exists)
        {
            stamp.Append(CultureInfo.InvariantCulture, $" {real.Length} {real.LastWriteTimeUtc.Ticks}");
        }

        stamp.Append('\n');
    }
}
