using System.Text.Json.Nodes;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OnnxGraph;

namespace InferenceServer.Cli.Tests.Optimize;

/// <summary>A shipped model is optimised once; what the server makes of it is looked at from several sides.</summary>
public sealed class OptimizeCommandTests : IClassFixture<OptimizeCommandTests.Optimized>
{
    private readonly Optimized _optimized;

    public OptimizeCommandTests(Optimized optimized) => _optimized = optimized;

    [Fact]
    public void Optimize_ShippedModel_WritesItBesideTheGraph()
    {
        Assert.Equal("", string.Join('\n', _optimized.Error.Split('\n').Where(line => line.Length > 0 && !line.EndsWith('…'))));
        Assert.Equal(0, _optimized.ExitCode);
        Assert.Matches(@"Layers with weights in 8 bits: \d+ of \d+", _optimized.Output);
        Assert.True(new FileInfo(_optimized.Made).Length < new FileInfo(_optimized.Graph).Length / 2);
        using OnnxModel made = OnnxModel.Open(_optimized.Made);
        Assert.Contains(made.Graph.Nodes, node => node.OpType == "QuantizeLinear");
        Assert.Equal("2", made.Metadata["inference_server.images"]);
    }

    [Theory]
    [InlineData(GraphVariant.Int8, GraphVariant.Int8)]
    [InlineData(GraphVariant.Float32, GraphVariant.Float32)]
    [InlineData(GraphVariant.Float16, GraphVariant.Float32)]
    public void Load_Variant_IsTheOneOfTheOptions(GraphVariant wanted, GraphVariant expected)
    {
        using ServiceProvider services = Services(_optimized.Folder.Path, wanted);

        LoadedModel model = services.GetRequiredService<ModelRepository>().Load(Optimized.Model, CancellationToken.None);

        Assert.Equal(expected, model.Variant);
    }

    [Fact]
    public void Load_GraphReplacedSince_ServesTheExportedOne()
    {
        using TemporaryFolder folder = new();
        string graph = Copy(_optimized.Folder.Path, folder);
        using (OnnxModel changed = OnnxModel.Parse(File.ReadAllBytes(graph)))
        {
            changed.DocString = "other weights";
            File.WriteAllBytes(graph, changed.ToBytes());
        }

        using ServiceProvider services = Services(folder.Path, GraphVariant.Auto);
        LoadedModel loaded = services.GetRequiredService<ModelRepository>().Load(Optimized.Model, CancellationToken.None);
        Assert.Equal(GraphVariant.Float32, loaded.Variant);
        using ServiceProvider strict = Services(folder.Path, GraphVariant.Int8);
        SegmentationException e = Assert.Throws<SegmentationException>(
            () => strict.GetRequiredService<ModelRepository>().Load(Optimized.Model, CancellationToken.None));
        Assert.Contains("got one that was made of another; run inference-server optimize again", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MeasuredOnSuchAProcessor_IsNotTriedAgain()
    {
        DerivedGraph made = DerivedGraph.Read(_optimized.Made);
        double measured = Assert.NotNull(made.SpeedupOn(ProcessorTraits.Current));

        (GraphVariant variant, List<string> log) = Load(ProcessorTraits.Current);

        Assert.Equal(measured >= 1.1 ? GraphVariant.Int8 : GraphVariant.Float32, variant);
        Assert.Contains(log, line => line.Contains("there is no trial", StringComparison.Ordinal));
        Assert.DoesNotContain(log, line => line.Contains("in a trial", StringComparison.Ordinal));
    }

    [Fact]
    public void Load_MeasuredOnAnotherProcessor_IsTried()
    {
        (_, List<string> log) = Load(ProcessorTraits.Current with { InstructionSets = "others" });

        Assert.Contains(log, line => line.Contains("as fast as the exported graph in a trial", StringComparison.Ordinal));
    }

    [Fact]
    public void Load_WeightsThatOverflow_ServesTheExportedOne()
    {
        int bits = DerivedGraph.Read(_optimized.Made).WeightBits;
        ProcessorTraits older = new("older", bits - 1);

        (GraphVariant variant, List<string> log) = Load(older);

        Assert.Equal(GraphVariant.Float32, variant);
        Assert.Contains(log, line => line.Contains($"weights of {bits} bits", StringComparison.Ordinal));
        using ServiceProvider strict = Services(_optimized.Folder.Path, GraphVariant.Int8, older);
        SegmentationException e = Assert.Throws<SegmentationException>(
            () => strict.GetRequiredService<ModelRepository>().Load(Optimized.Model, CancellationToken.None));
        Assert.Contains($"expected weights of at most {bits - 1} bits", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Optimize_Again_IsUpToDateUntilAFileChanges()
    {
        using TemporaryFolder folder = new();
        string graph = Copy(_optimized.Folder.Path, folder);
        string[] arguments =
        [
            "optimize", "--models", folder.Path, "--model", Optimized.Model, "--images", _optimized.Folder["images"],
            "--min-agreement", "0.5", "--min-speedup", "0",
        ];

        (int exitCode, string output, _) = await Cli.RunAsync(arguments);
        Assert.Equal(0, exitCode);
        Assert.Contains("is up to date", output, StringComparison.Ordinal);

        (_, output, _) = await Cli.RunAsync([.. arguments, "--check", _optimized.Folder["images"], "--labels", _optimized.Folder["labels"],
            "--max-loss", "100"]);
        Assert.DoesNotContain("is up to date", output, StringComparison.Ordinal);
        Assert.Equal("6", DerivedGraph.Read(Path.ChangeExtension(graph, "int8.onnx")).Figures["images"]);
        Assert.Matches("Mean IoU: .* %, float32 .* %", output);
    }

    [Fact]
    public async Task Optimize_WhatDoesNotHold_WritesNothing()
    {
        using TemporaryFolder folder = new();
        string graph = Copy(_optimized.Folder.Path, folder);
        File.Delete(Path.ChangeExtension(graph, "int8.onnx"));

        (int exitCode, _, string error) = await Cli.RunAsync(
            "optimize", "--models", folder.Path, "--model", Optimized.Model, "--images", Optimized.Images(folder), "--method", "minmax",
            "--min-agreement", "0", "--min-speedup", "99");

        Assert.Equal(1, exitCode);
        Assert.Contains("expected 99 times the speed, got", error, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.ChangeExtension(graph, "int8.onnx")));
    }

    [Fact]
    public async Task Optimize_Float16_HalvesTheFile()
    {
        using TemporaryFolder folder = new();
        string graph = Copy(_optimized.Folder.Path, folder);

        (int exitCode, string output, string error) = await Cli.RunAsync(
            "optimize", "--models", folder.Path, "--model", Optimized.Model, "--images", Optimized.Images(folder), "--float16",
            "--min-speedup", "0");

        Assert.Equal((0, ""), (exitCode, string.Join('\n', error.Split('\n').Where(line => line.Length > 0 && !line.EndsWith('…')))));
        Assert.Contains("Equal labels: ", output, StringComparison.Ordinal);
        long half = new FileInfo(Path.ChangeExtension(graph, "float16.onnx")).Length;
        Assert.InRange(half, 1, (new FileInfo(graph).Length * 0.55));
    }

    [Theory]
    [InlineData("tiny-labels", "This graph cannot be made faster")]
    [InlineData("nothing", "found no 'nothing'")]
    public async Task Optimize_WhatCannotBe_SaysWhy(string model, string reason)
    {
        using TemporaryFolder folder = new();

        (int exitCode, _, string error) = await Cli.RunAsync(
            "optimize", "--models", Cli.Models, "--model", model, "--images", Optimized.Images(folder));

        Assert.Equal(1, exitCode);
        Assert.Contains(reason, error, StringComparison.Ordinal);
    }

    private static string Copy(string models, TemporaryFolder folder)
    {
        foreach (string file in Directory.EnumerateFiles(Path.Combine(models, Optimized.Model), "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(folder.Path, Path.GetRelativePath(models, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return Path.Combine(folder.Path, Optimized.Model, "1", "model.onnx");
    }

    private (GraphVariant Variant, List<string> Log) Load(ProcessorTraits processor)
    {
        using Lines log = new();
        using ServiceProvider services = Services(_optimized.Folder.Path, GraphVariant.Auto, processor, log);
        return (services.GetRequiredService<ModelRepository>().Load(Optimized.Model, CancellationToken.None).Variant, log.All);
    }

    private static ServiceProvider Services(
        string models, GraphVariant variant, ProcessorTraits? processor = null, ILoggerProvider? log = null)
    {
        ServiceCollection services = new();
        services.AddSingleton(processor ?? ProcessorTraits.Current);
        services.AddLogging(logging => logging.Services.AddSingleton(log ?? NullLoggerProvider.Instance));
        return services.AddSegmentation(options =>
        {
            options.OwnsProcess = true;
            options.Models.Path = models;
            options.Onnx.Provider = ExecutionProvider.Cpu;
            options.Onnx.Variant = variant;
        }).BuildServiceProvider();
    }

    /// <summary>Keeps what is logged.</summary>
    private sealed class Lines : ILoggerProvider, ILogger
    {
        public List<string> All { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (All)
            {
                All.Add(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }

    public sealed class Optimized : IAsyncLifetime
    {
        public const string Model = "camvid-fcn8s";

        internal TemporaryFolder Folder { get; } = new();

        public string Graph => Folder[Model, "1", "model.onnx"];

        public string Made => Folder[Model, "1", "model.int8.onnx"];

        public int ExitCode { get; private set; }

        public string Output { get; private set; } = "";

        public string Error { get; private set; } = "";

        internal static string Images(TemporaryFolder folder)
        {
            for (int i = 0; i < 6; i++)
            {
                folder.WriteNoisyScene($"{i}", seed: i);
            }

            return folder["images"];
        }

        public async Task InitializeAsync()
        {
            string source = Path.Combine(AppContext.BaseDirectory, "shipped", Model);
            Directory.CreateDirectory(Path.GetDirectoryName(Graph)!);
            File.Copy(Path.Combine(source, "1", "model.onnx"), Graph);
            // Without the graph's hash, which is a check of its own.
            JsonNode manifest = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(source, ManifestReader.FileName)))!;
            manifest.AsObject().Remove("source");
            await File.WriteAllTextAsync(Folder[Model, ManifestReader.FileName], manifest.ToJsonString());
            (ExitCode, Output, Error) = await Cli.RunAsync(
                "optimize", "--models", Folder.Path, "--model", Model, "--images", Images(Folder), "--min-agreement", "0.5",
                "--min-speedup", "0");
        }

        public Task DisposeAsync()
        {
            Folder.Dispose();
            return Task.CompletedTask;
        }
    }
}
