using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace InferenceServer.Tests;

/// <summary>The tree is the architecture: references between projects and between the stages of the runtime point one way.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string Sources = Path.Combine(Repository.Root, "src");

    /// <summary>Each project and the projects it may refer to.</summary>
    public static TheoryData<string, string[]> Projects => new()
    {
        { "DenseCrf", [] },
        { "InferenceServer.Kernels", [] },
        { "Vips", [] },
        { "InferenceServer.Runtime", ["DenseCrf", "InferenceServer.Kernels", "Vips"] },
        { "InferenceServer", ["InferenceServer.Runtime"] },
        { "InferenceServer.Client", [] },
        { "InferenceServer.Cli", ["InferenceServer.Client", "InferenceServer.Runtime"] },
    };

    /// <summary>Each folder of the runtime and the types of other folders it may use; a stage uses only what flows along the road.</summary>
    public static TheoryData<string, string[]> Folders => new()
    {
        // What every stage may stand on.
        { "Buffers", [] },
        { "Arrays", ["Buffers"] },
        { "Manifests", [] },
        { "Diagnostics", [] },
        // The stages, in the order of the road.
        { "Decoding", ["Buffers"] },
        { "Inference", ["Manifests"] },
        { "Preprocessing", ["Buffers", "Inference.PassSettings", "Manifests"] },
        { "Scheduling", ["Diagnostics"] },
        { "Batching", ["Diagnostics", "Preprocessing.InputTensor", "Scheduling", "Sessions.ExecutionProvider", "Sessions.IModelSession", "Sessions.ModelOutput"] },
        { "Sessions", ["Manifests", "Preprocessing.InputTensor", "Scheduling.SchedulingOptions"] },
        { "Postprocessing", ["Buffers", "Manifests", "Preprocessing.InputGeometry", "Preprocessing.Pass", "Preprocessing.PassPlan", "Sessions.ModelOutput"] },
        { "Refinement", ["Manifests", "Postprocessing.Mask"] },
        { "Encoding", ["Arrays", "Buffers"] },
        // What puts the stages of one model together, and what watches them.
        { "Models", ["Batching", "Buffers", "Diagnostics", "Inference", "Manifests", "Postprocessing", "Preprocessing", "Refinement", "Scheduling.Admission", "Scheduling.Backlog", "Sessions"] },
        { "Inspection", ["Manifests", "Models.NoiseInput", "Preprocessing.InputTensor", "Sessions"] },
    };

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_References_PointOneWay(string project, string[] allowed)
    {
        XDocument file = XDocument.Load(Path.Combine(Sources, project, project + ".csproj"));
        IEnumerable<string> references = file.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!));

        Assert.Equal(allowed, references.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Projects_AllInSrc_AreInTheTable() =>
        Assert.Equal(Names(Sources), Projects.Select(p => (string)p[0]).Order(StringComparer.Ordinal));

    [Fact]
    public void Folders_AllOfTheRuntime_AreInTheTable() =>
        Assert.Equal(Names(Path.Combine(Sources, "InferenceServer.Runtime")), Folders.Select(f => (string)f[0]).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Folders))]
    public void Folder_TypesOfOtherFolders_AreAmongTheAllowed(string folder, string[] allowed)
    {
        IEnumerable<string> uses =
            from file in Directory.EnumerateFiles(Path.Combine(Sources, "InferenceServer.Runtime", folder), "*.cs", SearchOption.AllDirectories)
            let text = File.ReadAllText(file)
            from Match use in Namespace().Matches(text)
            let other = use.Groups["folder"].Value
            where other != folder && !allowed.Contains(other)
            from type in Types(other)
            where Regex.IsMatch(text, $@"\b{type}\b") && !allowed.Contains($"{other}.{type}")
            select $"{Path.GetFileName(file)} uses {other}.{type}";

        Assert.Empty(uses);
    }

    [GeneratedRegex(@"^using InferenceServer\.Runtime\.(?<folder>\w+);", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Namespace();

    // One type per file, named as the file.
    private static IEnumerable<string> Types(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Sources, "InferenceServer.Runtime", folder), "*.cs").Select(f => Path.GetFileNameWithoutExtension(f));

    private static IEnumerable<string> Names(string folder) =>
        Directory.EnumerateDirectories(folder).Where(d => Directory.EnumerateFiles(d, "*.cs*").Any()).Select(d => Path.GetFileName(d)).Except(["bin", "obj", "Properties"]).Order(StringComparer.Ordinal);
}
