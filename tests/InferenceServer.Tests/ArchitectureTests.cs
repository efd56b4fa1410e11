using System.Reflection;
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
        { "OnnxGraph", [] },
        { "InferenceServer.Runtime", ["DenseCrf", "InferenceServer.Kernels", "OnnxGraph"] },
        { "InferenceServer", ["InferenceServer.Runtime"] },
        { "InferenceServer.Client", [] },
        { "InferenceServer.Cli", ["InferenceServer", "InferenceServer.Client", "InferenceServer.Runtime"] },
    };

    /// <summary>Each folder of the runtime and the types of other folders that it may use; a stage uses only the data
    /// of the pipeline.</summary>
    public static TheoryData<string, string[]> Folders => new()
    {
        // What every stage may stand on.
        { "Buffers", [] },
        { "Npy", ["Buffers"] },
        { "Manifests", [] },
        { "Diagnostics", [] },
        { "Configuration", [] },
        { "Storage", [] },
        { "Pulling", ["Manifests.ManifestReader", "Storage"] },
        // The stages, in the order of the pipeline.
        { "Decoding", ["Buffers"] },
        { "Preprocessing", ["Buffers", "Manifests", "Passes.PassSettings"] },
        {
            "Batching",
            [
                "Admission", "Diagnostics", "Preprocessing.InputTensor", "Preprocessing.TensorLayout",
                "Sessions.ExecutionProvider", "Sessions.IModelSession", "Sessions.ModelOutput"
            ]
        },
        { "Adaptation", ["Manifests", "Preprocessing.InputSizing", "Preprocessing.InputValues"] },
        {
            "Sessions",
            [
                "Adaptation", "Admission.SchedulingOptions", "Buffers", "Manifests", "Preprocessing.InputGeometry",
                "Preprocessing.InputTensor", "Preprocessing.InputValues", "Preprocessing.TensorLayout"
            ]
        },
        {
            "Postprocessing",
            [
                "Buffers", "Manifests", "Preprocessing.InputGeometry", "Preprocessing.Pass", "Preprocessing.PassPlan",
                "Sessions.ModelOutput"
            ]
        },
        { "Formats", ["Buffers", "Decoding.GeoTags", "Decoding.Libvips", "Manifests.ClassTable", "Npy", "Postprocessing.LabelPlane"] },
        { "Parameters", ["Admission.Priority", "Decoding.ImageWindow", "Formats", "Manifests", "Passes", "Refinement.CrfSettings"] },
        // What puts the stages of one model together, and what watches them.
        {
            "Models",
            [
                "Adaptation", "Admission.Backlog", "Admission.InFlightLimits", "Admission.Priority", "Batching",
                "Buffers", "Decoding.ImageDecoder", "Diagnostics", "Manifests", "Passes", "Postprocessing",
                "Preprocessing", "Pulling", "Refinement", "Sessions", "Storage"
            ]
        },
        // A draft passes the check that a model passes at load.
        {
            "Inspection",
            [
                "Adaptation", "Buffers.Owned", "Manifests", "Models.ModelTrial", "Models.TrialFindings", "Models.TrialImage",
                "Preprocessing.InputTensor", "Preprocessing.TensorLayout", "Sessions"
            ]
        },
        // What takes an image through the stages.
        { "Admission", ["Batching", "Decoding", "Diagnostics", "Models"] },
        {
            "Refinement",
            [
                "Admission.Client", "Admission.ConcurrencyLimit", "Admission.SchedulingOptions", "Buffers", "Decoding.LabelPng",
                "Manifests", "Npy", "Postprocessing"
            ]
        },
        { "Passes", ["Manifests", "Models", "Preprocessing"] },
        {
            "Pipeline",
            [
                "Admission", "Batching", "Buffers", "Decoding", "Diagnostics", "Formats", "Manifests.ClassTable", "Models", "Passes",
                "Postprocessing", "Preprocessing", "Refinement", "Sessions"
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Projects))]
    public void Project_References_PointOneWay(string project, string[] allowed)
    {
        XDocument file = XDocument.Load(Path.Combine(Sources, project, project + ".csproj"));
        IEnumerable<string> references = file.Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension((string)r.Attribute("Include")!));

        Assert.Equal(allowed, references.Order(StringComparer.Ordinal));
    }

    // What the compiler has bound, whatever the project files say; through a project that it may use, code may use what that one may.
    [Theory]
    [MemberData(nameof(Projects))]
    public void Assembly_References_PointOneWay(string project, string[] allowed)
    {
        if (project == "InferenceServer.Cli")
        {
            return; // no reference of these tests: its own tests look
        }

        IEnumerable<string> references = Assembly.Load(project).GetReferencedAssemblies().Select(r => r.Name!)
            .Where(name => Projects.Any(p => (string)p[0] == name));

        Assert.Empty(references.Except(Reach(allowed)));
    }

    [Theory]
    [InlineData("AllowUnsafeBlocks", "DenseCrf")]
    [InlineData("SixLabors.ImageSharp", null)] // a judge in tests; docs/decisions.md says what it does with damaged files
    public void Projects_WhatFewMayUse_IsNowhereElse(string word, string? only) =>
        Assert.Equal(
            only is null ? [] : new[] { only },
            Directory.EnumerateFiles(Sources, "*.csproj", SearchOption.AllDirectories)
                .Where(f => File.ReadAllText(f).Contains(word, StringComparison.Ordinal))
                .Select(f => Path.GetFileNameWithoutExtension(f)));

    [Fact]
    public void Projects_AllInSrc_AreInTheTable() =>
        Assert.Equal(Names(Sources), Projects.Select(p => (string)p[0]).Order(StringComparer.Ordinal));

    [Fact]
    public void Folders_AllOfTheRuntime_AreInTheTable() =>
        Assert.Equal(
            Names(Path.Combine(Sources, "InferenceServer.Runtime")),
            Folders.Select(f => (string)f[0]).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Folders))]
    public void Folder_TypesOfOtherFolders_AreAmongTheAllowed(string folder, string[] allowed)
    {
        IEnumerable<string> uses =
            from file in Directory.EnumerateFiles(
                Path.Combine(Sources, "InferenceServer.Runtime", folder), "*.cs", SearchOption.AllDirectories)
            let text = File.ReadAllText(file)
            from Match use in Namespace().Matches(text)
            let other = use.Groups["folder"].Value
            where other != folder && !allowed.Contains(other)
            from type in Types(other)
            // Each folder has a Log of its own.
            where type != "Log" && Regex.IsMatch(text, $@"\b{type}\b") && !allowed.Contains($"{other}.{type}")
            select $"{Path.GetFileName(file)} uses {other}.{type}";

        Assert.Empty(uses);
    }

    private static IEnumerable<string> Reach(string[] projects) =>
        projects.Concat(projects.SelectMany(project => Reach((string[])Projects.Single(p => (string)p[0] == project)[1])));

    [GeneratedRegex(@"^using InferenceServer\.Runtime\.(?<folder>\w+);", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Namespace();

    // What somebody meets first who opens the package.
    [Fact]
    public void Runtime_Root_HasFiveFiles() => Assert.Equal(
        [
            "SegmentationException.cs", "SegmentationOptions.cs", "SegmentationRequest.cs", "Segmenter.cs",
            "ServiceCollectionExtensions.cs",
        ],
        Directory.EnumerateFiles(Path.Combine(Sources, "InferenceServer.Runtime"), "*.cs").Select(Path.GetFileName).Order());

    // A folder of many small files hides what it holds. Project files, READMEs and lists of public API come with each package.
    // 400, and 20 for rasters: GeoPackage alone is an encoder, a file and a coordinate reference system;
    // and 35 for work on more than one machine: stores of objects, models and jobs in them, a queue between servers;
    // and 20 for networks in other number formats: calibration, quantisation, checks, and the choice at the load;
    // and 10 for doors that clients knock at: streams of gRPC, X-AnyLabeling, refinement of any tool's masks, calibration;
    // and 2 for images that a GPU normalises.
    [Fact]
    public void Sources_Files_AreAtMost492()
    {
        int files = Files("src").Count(file => file.EndsWith(".cs", StringComparison.Ordinal));

        Assert.InRange(files, 1, 492);
    }

    [Fact]
    public void Sources_Lines_AreAtMost140Columns() => Assert.Empty(
        from file in Files("src").Concat(Files("tests"))
        where Code().IsMatch(file)
        from line in File.ReadLines(file).Select((text, i) => (Text: text, Number: i + 1))
        where line.Text.Length > 140
        select $"{Path.GetRelativePath(Repository.Root, file)}:{line.Number}: {line.Text.Length} columns");

    [Fact]
    public void Sources_Lines_AreMostlyAtMost120Columns()
    {
        int[] lengths = [.. Files("src").Where(file => Code().IsMatch(file)).SelectMany(File.ReadLines).Select(line => line.Length)];

        Assert.InRange((double)lengths.Count(length => length > 120) / lengths.Length, 0, 0.03);
    }

    // Where a choice is the point of a statement, an if says so.
    [Fact]
    public void Sources_Conditionals_AreFewerThan10In1000Lines()
    {
        string[] lines = [.. Files("src").Where(file => file.EndsWith(".cs", StringComparison.Ordinal)).SelectMany(File.ReadLines)];

        IEnumerable<string> code = lines.Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal));
        int conditionals = code.Sum(line => Conditional().Count(line));

        Assert.InRange(1000.0 * conditionals / lines.Length, 0, 10);
    }

    private static IEnumerable<string> Files(string folder) => Directory
        .EnumerateFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories)
        .Where(file => !Made().IsMatch(file));

    [GeneratedRegex(@"[/\\](bin|obj|node_modules)[/\\]")]
    private static partial Regex Made();

    [GeneratedRegex(@" \? ")]
    private static partial Regex Conditional();

    [GeneratedRegex(@"\.(cs|js|mjs|css|html)$")]
    private static partial Regex Code();

    private static IEnumerable<string> Types(string folder) =>
        from file in Directory.EnumerateFiles(Path.Combine(Sources, "InferenceServer.Runtime", folder), "*.cs", SearchOption.AllDirectories)
        from Match definition in Definition().Matches(File.ReadAllText(file))
        select definition.Groups["type"].Value;

    [GeneratedRegex(
        @"^(public|internal|file) .*?\b(class|struct|interface|enum|record)\s+(?!struct\b)(?<type>\w+)",
        RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Definition();

    private static IEnumerable<string> Names(string folder) =>
        Directory.EnumerateDirectories(folder)
            .Where(d => Directory.EnumerateFiles(d, "*.cs*").Any())
            .Select(d => Path.GetFileName(d))
            .Except(["bin", "obj", "Properties"])
            .Order(StringComparer.Ordinal);
}
