using InferenceServer.Runtime.Preprocessing;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Sessions;

/// <summary>A network in ONNX Runtime.</summary>
internal sealed class OnnxModelSession : IModelSession
{
    private readonly InferenceSession _session;
    private readonly string[] _inputs;
    private readonly string[] _outputs;
    private readonly UsualSize _usual = new();
    private readonly string? _arena;
    private readonly PinnedBinding? _binding;

    /// <summary>Takes over a session.</summary>
    /// <param name="session">Disposed with this.</param>
    /// <param name="signature">Its inputs and outputs.</param>
    /// <param name="provider">What computes it.</param>
    /// <param name="input">Name of the image input.</param>
    /// <param name="output">Name of the result.</param>
    /// <param name="arena">The arena that rare large inputs shall not enlarge for good.</param>
    /// <param name="pinned">Memory that a GPU copies from and to by itself; null hands values over as they lie.</param>
    public OnnxModelSession(
        InferenceSession session,
        GraphSignature signature,
        ExecutionProvider provider,
        string input,
        string output,
        string? arena = null,
        OrtAllocator? pinned = null)
    {
        _arena = arena;
        _binding = pinned is null ? null : new PinnedBinding(session, input, output, pinned);
        _session = session;
        _inputs = [input];
        _outputs = [output];
        Signature = signature;
        Provider = provider;
        TensorSignature bound = signature.Inputs.First(i => i.Name == input);
        Layout = TensorLayout.Of(bound.ElementType, bound.Shape, out _)!; // GraphBinder has found it
    }

    public ExecutionProvider Provider { get; }

    public GraphSignature Signature { get; }

    public TensorLayout Layout { get; }

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using RunOptions options = new();
        if (_usual.IsRare(input.Size.Pixels) && _arena is not null)
        {
            // At every run this would cost more than it brings: the next one would have to ask the system for its
            // memory again.
            options.AddRunConfigEntry("memory.enable_memory_arena_shrinkage", _arena);
            ArenaUsage.AddShrinkage();
        }

        try
        {
            // Disposed before the options, so that a late cancellation never reaches freed memory.
            using CancellationTokenRegistration registration =
                cancellationToken.UnsafeRegister(static state => ((RunOptions)state!).Terminate = true, options);
            return ModelOutput.TakeOver(_binding is null ? Run(options, input) : _binding.Run(options, input));
        }
        catch (OnnxRuntimeException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new SegmentationException(
                SegmentationError.InferenceFailed,
                $"The network failed on an input of {input.Layout.Describe(input.Batch, input.Size)}.", e);
        }
    }

    public void Dispose()
    {
        _binding?.Dispose();
        _session.Dispose();
    }

    internal static GraphSignature Describe(InferenceSession session) =>
        new([.. session.InputMetadata.Select(Describe)], [.. session.OutputMetadata.Select(Describe)]);

    private IDisposableReadOnlyCollection<OrtValue> Run(RunOptions options, InputTensor input)
    {
        using OrtValue value = input.Wrap();
        return _session.Run(options, _inputs, [value], _outputs);
    }

    private static TensorSignature Describe(KeyValuePair<string, NodeMetadata> node)
    {
        if (node.Value.IsTensor)
        {
            return new(node.Key, Name(node.Value.ElementDataType), node.Value.Dimensions);
        }

        return new(node.Key, "no tensor", []);
    }

    private static string Name(TensorElementType type) => type switch
    {
        TensorElementType.Float => "float32",
        TensorElementType.Float16 => "float16",
        TensorElementType.Double => "float64",
        _ => type.ToString().ToLowerInvariant(),
    };
}

/// <summary>What became of ONNX Runtime's memory.</summary>
internal static class ArenaUsage
{
    private static long _shrinkages;

    /// <summary>Runs after which a session gave memory back that it had needed for a rare, large input.</summary>
    public static long Shrinkages => Volatile.Read(ref _shrinkages);

    internal static void AddShrinkage() => Interlocked.Increment(ref _shrinkages);
}

/// <summary>Learns how large a session's inputs usually are, and tells which are rare and large.</summary>
/// <remarks>Updates that race lose one another, which does not matter.</remarks>
internal sealed class UsualSize
{
    private const int Large = 4;
    private const int Window = 16;
    private long _usual;
    private int _seen;

    /// <summary>Takes note of one input.</summary>
    /// <param name="pixels">Of one image of it.</param>
    /// <returns>Whether it is at least four times as large as usual; what comes often is usual soon.</returns>
    public bool IsRare(long pixels)
    {
        long usual = Volatile.Read(ref _usual);
        if (Volatile.Read(ref _seen) < Window)
        {
            // Trials and warm-up run small inputs first.
            Interlocked.Increment(ref _seen);
            Volatile.Write(ref _usual, Math.Max(usual, pixels));
            return false;
        }

        Volatile.Write(ref _usual, usual + ((Math.Min(pixels, Large * usual) - usual) / Window));
        return pixels >= Large * usual;
    }
}
