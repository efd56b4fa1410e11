using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Preprocessing;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxGraph;

namespace InferenceServer.Runtime.Sessions;

/// <summary>A network that ONNX Runtime runs.</summary>
internal sealed class OnnxModelSession : IModelSession
{
    private readonly InferenceSession _session;
    private readonly string[] _inputs;
    private readonly string _output;
    private readonly string? _labels;
    private readonly UsualSize _usual = new();
    private readonly string? _arena;
    private readonly PinnedBinding? _binding;
    private readonly PixelNormalizer? _pixels;

    /// <summary>Takes over an open session.</summary>
    /// <param name="session">The session; disposed with this object.</param>
    /// <param name="graph">The graph that the session runs.</param>
    /// <param name="provider">The provider that runs the network.</param>
    /// <param name="arena">The arena that shrinks after a rare large input.</param>
    /// <param name="pinned">Page-locked memory that a GPU copies from and to by itself; null passes values without a
    /// copy.</param>
    /// <param name="pixels">Normalises packed pixels on the GPU; disposed with this object. Only with
    /// <paramref name="pinned"/>.</param>
    public OnnxModelSession(
        InferenceSession session,
        AdaptedGraph graph,
        ExecutionProvider provider,
        string? arena = null,
        OrtAllocator? pinned = null,
        PixelNormalizer? pixels = null)
    {
        _arena = arena;
        _pixels = pixels;
        _binding = pinned is null ? null : new PinnedBinding(session, graph, pinned, pixels);
        _session = session;
        _inputs = graph.SizeInput is null ? [graph.Input] : [graph.Input, graph.SizeInput];
        _output = graph.Output;
        Signature = new GraphSignature(
            [Describe(graph.Input, session.InputMetadata[graph.Input])], [Describe(graph.Output, session.OutputMetadata[graph.Output])]);
        Provider = provider;
        Layout = TensorLayout.Float32Nchw(graph.Channels);
        _labels = graph.Labels;
        if (_labels is not null)
        {
            Labels = new LabelSession(this, _labels);
        }
    }

    public ExecutionProvider Provider { get; }

    public GraphSignature Signature { get; }

    public TensorLayout Layout { get; }

    public TensorLayout? PixelLayout
    {
        get
        {
            if (_binding is { TakesPixels: true })
            {
                return TensorLayout.PackedPixels;
            }

            return null;
        }
    }

    public IModelSession? Labels { get; private set; }

    /// <summary>Holds the labels of one run against its scores, and takes <see cref="Labels"/> away where they are others.</summary>
    /// <param name="size">A size that the graph takes.</param>
    /// <returns>Whether the labels are right, or there are none.</returns>
    public bool CheckLabels(ImageSize size)
    {
        if (_labels is not null && !AreEqual(size, _labels))
        {
            Labels = null;
            return false;
        }

        return true;
    }

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken) => Run(input, _output, cancellationToken);

    public void GiveMemoryBack(InputTensor input)
    {
        if (Provider != ExecutionProvider.Cpu || _arena is null)
        {
            return; // a GPU takes long to get memory again
        }

        using RunOptions options = Shrinking(_arena);
        options.Terminate = true; // the memory goes back at the end of a run, and this one ends before its first operator
        try
        {
            Run(options, input, [_output]).Dispose();
        }
        catch (OnnxRuntimeException)
        {
            // A run that was ended says so.
        }
    }

    public void Dispose()
    {
        _binding?.Dispose();
        _pixels?.Dispose();
        _session.Dispose();
    }

    private bool AreEqual(ImageSize size, string labels)
    {
        using InputTensor input = new(1, size, Layout);
        input.FillNoise();
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> both = Run(options, input, [_output, labels]);
        ReadOnlySpan<float> scores = both[0].GetTensorDataAsSpan<float>();
        ReadOnlySpan<byte> found = both[1].GetTensorDataAsSpan<byte>();
        byte[] expected = new byte[found.Length];
        ArgMax.Compute(scores, scores.Length / expected.Length, expected);
        return found.SequenceEqual(expected);
    }

    private ModelOutput Run(InputTensor input, string output, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        // After every run, a shrink would cost more than it saves: the next run would request the memory from the system
        // again.
        if (!_usual.IsRare(input.Size.Pixels) || _arena is null)
        {
            using RunOptions usual = new();
            return Run(usual, input, output, cancellationToken);
        }

        ArenaUsage.AddShrinkage();
        using RunOptions options = Shrinking(_arena);
        return Run(options, input, output, cancellationToken);
    }

    private static RunOptions Shrinking(string arena)
    {
        RunOptions options = new();
        options.AddRunConfigEntry("memory.enable_memory_arena_shrinkage", arena);
        return options;
    }

    private ModelOutput Run(RunOptions options, InputTensor input, string output, CancellationToken cancellationToken)
    {
        try
        {
            // This registration is disposed before the options, so a late cancellation never reaches freed memory.
            using CancellationTokenRegistration registration =
                cancellationToken.UnsafeRegister(static state => ((RunOptions)state!).Terminate = true, options);
            return ModelOutput.TakeOver(
                _binding is null ? Run(options, input, [output]) : _binding.Run(options, input, output));
        }
        catch (OnnxRuntimeException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new SegmentationException(
                SegmentationError.InferenceFailed,
                $"The network failed on an input of {input.Layout.Describe(input.Batch, input.Size)}.", e);
        }
    }

    private IDisposableReadOnlyCollection<OrtValue> Run(RunOptions options, InputTensor input, IReadOnlyCollection<string> outputs)
    {
        using OrtValue value = input.Wrap();
        if (_inputs.Length == 1)
        {
            return _session.Run(options, _inputs, [value], outputs);
        }

        using OrtValue size = OrtValue.CreateTensorValueFromMemory(new long[] { input.Image.Height, input.Image.Width }, [2]);
        return _session.Run(options, _inputs, [value, size], outputs);
    }

    /// <summary>The network's other output; the session stays its owner's.</summary>
    private sealed class LabelSession(OnnxModelSession scores, string output) : IModelSession
    {
        public ExecutionProvider Provider => scores.Provider;

        public GraphSignature Signature => scores.Signature;

        public TensorLayout Layout => scores.Layout;

        public ModelOutput Run(InputTensor input, CancellationToken cancellationToken) => scores.Run(input, output, cancellationToken);

        public void Dispose()
        {
        }
    }

    // ONNX Runtime numbers the types as ONNX does.
    private static TensorSignature Describe(string name, NodeMetadata node) =>
        new(name, (ElementType)node.ElementDataType, node.Dimensions);
}

/// <summary>How often ONNX Runtime's memory shrank.</summary>
internal static class ArenaUsage
{
    private static long _shrinkages;

    /// <summary>Runs after which a session returned memory of a rare, large input.</summary>
    public static long Shrinkages => Volatile.Read(ref _shrinkages);

    internal static void AddShrinkage() => Interlocked.Increment(ref _shrinkages);
}

/// <summary>Estimates the usual size of a session's inputs, and finds rare large inputs.</summary>
/// <remarks>Concurrent updates may overwrite each other; the estimate tolerates that.</remarks>
internal sealed class UsualSize
{
    private const int Large = 4;
    private const int Window = 16;
    private long _usual;
    private int _seen;

    /// <summary>Records one input.</summary>
    /// <param name="pixels">Pixels of one image in the input.</param>
    /// <returns>Whether the input is at least four times as large as usual; a frequent size soon becomes
    /// usual.</returns>
    public bool IsRare(long pixels)
    {
        long usual = Volatile.Read(ref _usual);
        if (Volatile.Read(ref _seen) < Window)
        {
            // The first inputs are small ones of trial runs and warm-up.
            Interlocked.Increment(ref _seen);
            Volatile.Write(ref _usual, Math.Max(usual, pixels));
            return false;
        }

        Volatile.Write(ref _usual, usual + ((Math.Min(pixels, Large * usual) - usual) / Window));
        return pixels >= Large * usual;
    }
}
