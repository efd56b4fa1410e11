using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Tests.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OnnxGraph;
using Xunit.Sdk;

namespace InferenceServer.Runtime.Tests.Sessions;

/// <summary>The two sessions of a model hold its weights once, and compute what a session of the file alone
/// computes. Memory and the temporary folder are those of the whole process, so these tests run alone.</summary>
[CollectionDefinition(nameof(SharedWeightsTests), DisableParallelization = true), Collection(nameof(SharedWeightsTests))]
public sealed class SharedWeightsTests
{
    private const long Slack = 24 << 20;
    private static readonly string Zoo = Path.Combine(AppContext.BaseDirectory, "assets", "zoo");

    public static TheoryData<string> Models =>
    [
        .. new[] { Zoo, Assets.Models }.SelectMany(Directory.EnumerateDirectories)
            .Where(folder => File.Exists(Path.Combine(folder, "model.json")) && File.Exists(GraphFile(folder)))
            .Select(folder => Path.GetRelativePath(AppContext.BaseDirectory, folder))
            .Order(StringComparer.Ordinal),
    ];

    [Theory, MemberData(nameof(Models))]
    public void Run_InEitherSession_EqualsASessionOfItsOwnToTheBit(string model)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, model);
        AdaptationRequest request = AdaptationRequest.Of(ManifestReader.Read(folder));
        ListLogger log = new();
        (IModelSession session, AdaptedGraph graph) = Factory(threads: 0, log).Open(GraphFile(folder), request);
        using (session)
        {
            using InputTensor input = new(1, request.Size, session.Layout);
            new Random(1).NextSingles(input.Values.Span);
            foreach ((IModelSession shared, int threads) in new[] { (session.Wide, Environment.ProcessorCount), (session.Narrow, 1) })
            {
                SessionFactory alone = Factory(threads);
                using OnnxModelSession own = new(
                    alone.OpenOnCpu(alone.Adapt(GraphFile(folder), request).Source), graph, ExecutionProvider.Cpu);
                using ModelOutput expected = own.Run(input, CancellationToken.None), output = shared.Run(input, CancellationToken.None);

                Assert.Equal(expected.Shape, output.Shape);
                Assert.True(expected.Data.SequenceEqual(output.Data));
            }
        }

        Assert.NotSame(session.Wide, session.Narrow);
        Assert.Empty(log.Lines);
    }

    [Fact]
    public void Run_InBothSessionsAtATime_GivesTheSameResult()
    {
        using ModelFile file = new(channels: 64);
        using IModelSession session = file.Open();
        using InputTensor input = ModelFile.Input(session);
        using ModelOutput expected = session.Run(input, CancellationToken.None);
        byte[] scores = expected.Data.ToArray();

        Parallel.For(0, 100, i =>
        {
            using ModelOutput output = (i % 2 == 0 ? session.Wide : session.Narrow).Run(input, CancellationToken.None);
            Assert.True(output.Data.SequenceEqual(scores));
        });
    }

    [Theory]
    [InlineData(ElementType.Int4, 2)]
    [InlineData(ElementType.UInt8, 1)]
    [InlineData(ElementType.Int8, 1)]
    public void Open_QuantizedWeights_AreShared(ElementType type, int valuesOfByte)
    {
        const int Channels = 64;
        using ModelFile file = new(Channels);
        file.Edit(graph =>
        {
            byte[] bytes = new byte[Channels * Channels * 9 / valuesOfByte];
            new Random(3).NextBytes(bytes);
            graph.Initializers.Remove(graph.Initializer("mixed.weight")!);
            graph.Initializers.Add(Tensor.Create("quantized", type, [Channels, Channels, 3, 3], bytes));
            graph.Initializers.Add(Tensor.Create("scale", [], [0.01f]));
            graph.Nodes.Insert(0, new Node("DequantizeLinear", ["quantized", "scale"], ["mixed.weight"]));
        });
        ListLogger log = new();

        using IModelSession session = file.Open(log);
        using InputTensor input = ModelFile.Input(session);
        using ModelOutput wide = session.Wide.Run(input, CancellationToken.None);
        using ModelOutput narrow = session.Narrow.Run(input, CancellationToken.None);

        Assert.True(wide.Data.SequenceEqual(narrow.Data));
        Assert.Empty(log.Lines);
    }

    [LinuxFact]
    public void Open_LargeWeights_AreInMemoryOnce()
    {
        using ModelFile file = new(channels: 1280); // 59 MB
        Settled(() =>
        {
            long before = Resident();

            using IModelSession session = file.Open();
            using InputTensor input = ModelFile.Input(session);
            session.Wide.Run(input, CancellationToken.None).Dispose();
            session.Narrow.Run(input, CancellationToken.None).Dispose();

            Assert.InRange(Resident() - before, file.Bytes - Slack, file.Bytes + Slack);
        });
    }

    [LinuxFact]
    public void GiveMemoryBack_AfterALargeRun_LeavesTheWeights()
    {
        using ModelFile file = new(channels: 64);
        using IModelSession session = file.Open();
        using InputTensor small = ModelFile.Input(session), large = new(1, new ImageSize(640, 640), session.Layout);
        large.Values.Span.Clear();
        Settled(() =>
        {
            session.Run(small, CancellationToken.None).Dispose();
            session.GiveMemoryBack(small);
            long before = Resident();

            session.Run(large, CancellationToken.None).Dispose();
            long after = Resident();
            session.GiveMemoryBack(small);

            Assert.InRange(after - before, 2 * 64 * 640 * 640 * sizeof(float), long.MaxValue); // two layers of the network
            Assert.InRange(Resident() - before, long.MinValue, Slack);
        });
    }

    [LinuxFact]
    public void Dispose_OfBothSessions_FreesTheWeights()
    {
        using ModelFile file = new(channels: 1280);
        file.Open().Dispose();
        Settled(() =>
        {
            long before = Resident();

            for (int i = 0; i < 3; i++)
            {
                file.Open().Dispose();
            }

            Assert.InRange(Resident() - before, long.MinValue, Slack);
        });
    }

    [LinuxFact]
    public void Open_TheTemporaryFolder_IsEmptyAfterwards()
    {
        using ModelFile file = new(channels: 64);
        string folder = Directory.CreateTempSubdirectory().FullName;
        ListLogger log = new();

        InFolder(folder, () => file.Open(log)).Dispose();

        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
        Assert.Empty(log.Lines);
        Directory.Delete(folder);
    }

    [Fact]
    public void Open_FoldersOfOtherProcesses_AreDeletedWhereTheProcessHasEnded()
    {
        DirectoryInfo abandoned = Directory.CreateTempSubdirectory("optimized-"), used = Directory.CreateTempSubdirectory("optimized-");
        File.WriteAllText(Path.Combine(abandoned.FullName, "in-use"), "");
        File.WriteAllText(Path.Combine(abandoned.FullName, "weights.bin"), "left");
        using (new FileStream(Path.Combine(used.FullName, "in-use"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None))
        {
            using ModelFile file = new(channels: 64);
            file.Open().Dispose();

            Assert.False(Directory.Exists(abandoned.FullName));
            Assert.True(Directory.Exists(used.FullName));
        }

        used.Delete(recursive: true);
    }

    [LinuxFact]
    public void Open_WithoutATemporaryFolder_HasWeightsInEachSession()
    {
        using ModelFile file = new(channels: 64);
        using IModelSession shared = file.Open();
        using InputTensor input = ModelFile.Input(shared);
        using ModelOutput expected = shared.Run(input, CancellationToken.None);
        ListLogger log = new();

        using IModelSession session = InFolder("/proc/none", () => file.Open(log));

        foreach (IModelSession one in new[] { session.Wide, session.Narrow })
        {
            using ModelOutput output = one.Run(input, CancellationToken.None);
            Assert.True(output.Data.SequenceEqual(expected.Data));
        }

        Assert.Contains("cannot be shared", Assert.Single(log.Lines), StringComparison.Ordinal);
    }

    private static IModelSession InFolder(string folder, Func<IModelSession> open)
    {
        string? usual = Environment.GetEnvironmentVariable("TMPDIR");
        Environment.SetEnvironmentVariable("TMPDIR", folder);
        try
        {
            return open();
        }
        finally
        {
            Environment.SetEnvironmentVariable("TMPDIR", usual);
        }
    }

    private static string GraphFile(string folder) => Path.Combine(folder, "1", "model.onnx");

    private static SessionFactory Factory(int threads, ListLogger? log = null) => new(
        Options.Create(new OnnxOptions { IntraOpThreads = threads }),
        Options.Create(new SchedulingOptions { Instances = Math.Max(2, Environment.ProcessorCount) }),
        log ?? new ListLogger());

    /// <summary>Measures up to three times. What earlier tests left running, such as a load that was given up, may move the
    /// process's memory during one measurement; a leak is there in each.</summary>
    private static void Settled(Action measure)
    {
        for (int i = 0; i < 2; i++)
        {
            try
            {
                measure();
                return;
            }
            catch (InRangeException)
            {
                Thread.Sleep(TimeSpan.FromSeconds(1));
            }
        }

        measure();
    }

    private static long Resident()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        NativeHeap.Trim();
        return long.Parse(
            File.ReadLines("/proc/self/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ')[^2],
            CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>The model <c>tiny</c> with a large convolution before it.</summary>
    private sealed class ModelFile : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
        private readonly AdaptationRequest _request = AdaptationRequest.Of(ManifestReader.Read(Path.Combine(Assets.Models, "tiny")));

        public ModelFile(int channels)
        {
            using OnnxModel model = OnnxModel.Open(GraphFile(Path.Combine(Assets.Models, "tiny")));
            string image = model.Graph.Inputs[0].Name, value = image;
            model.Graph.ReplaceUses(image, "narrow");
            int at = 0;
            foreach ((string name, int from, int to, int side) in new[]
            {
                ("wide", 3, channels, 1), ("mixed", channels, channels, 3), ("narrow", channels, 3, 1),
            })
            {
                float[] weights = new float[from * to * side * side];
                new Random(at).NextSingles(weights);
                model.Graph.Initializers.Add(Tensor.Create(name + ".weight", [to, from, side, side], weights));
                Node node = new("Conv", [value, name + ".weight"], [name]);
                node.Attributes.Add(OnnxAttribute.Of("pads", [side / 2, side / 2, side / 2, side / 2]));
                model.Graph.Nodes.Insert(at++, node);
                value = name;
            }

            model.Save(File);
        }

        public long Bytes => new FileInfo(File).Length;

        private string File => Path.Combine(_folder, "model.onnx");

        public void Edit(Action<Graph> edit)
        {
            using OnnxModel model = OnnxModel.Parse(System.IO.File.ReadAllBytes(File));
            model.Opsets[0] = new OpsetImport("", 21); // the first with 4 bits
            model.IrVersion = 10;
            edit(model.Graph);
            model.Save(File);
        }

        public IModelSession Open(ListLogger? log = null) => Factory(threads: 0, log).Open(File, _request).Session;

        public static InputTensor Input(IModelSession session)
        {
            InputTensor input = new(1, new ImageSize(16, 16), session.Layout);
            new Random(2).NextSingles(input.Values.Span);
            return input;
        }

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }

    private sealed class ListLogger : ILogger<SessionFactory>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
