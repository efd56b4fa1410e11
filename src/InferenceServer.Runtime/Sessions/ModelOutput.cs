using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Sessions;

/// <summary>The output of one run, in ONNX Runtime's memory until disposed.</summary>
/// <remarks>Tests build outputs from plain memory.</remarks>
internal sealed class ModelOutput : IDisposable
{
    private IDisposable? _owner;
    private readonly int _first;
    private readonly OrtValue? _value;
    private readonly ReadOnlyMemory<float> _scores;

    private ModelOutput(IDisposableReadOnlyCollection<OrtValue> outputs)
    {
        _owner = outputs;
        _value = outputs[0];
        OrtTensorTypeAndShapeInfo info = _value.GetTensorTypeAndShape();
        ElementType = info.ElementDataType;
        Shape = [.. info.Shape.Select(d => checked((int)d))];
    }

    // The part of one image in the output of a batch.
    private ModelOutput(ModelOutput batch, IDisposable owner, int index)
    {
        _owner = owner;
        _value = batch._value;
        _scores = batch._scores;
        _first = index;
        ElementType = batch.ElementType;
        Shape = [1, .. batch.Shape.Skip(1)];
    }

    /// <summary>Wraps scores in plain memory.</summary>
    internal ModelOutput(ReadOnlyMemory<float> scores, IReadOnlyList<int> shape)
    {
        _scores = scores;
        ElementType = TensorElementType.Float;
        Shape = shape;
    }

    /// <summary>Takes over the outputs of a run; the first output is the result. The outputs are freed where the first
    /// is not a tensor.</summary>
    internal static ModelOutput TakeOver(IDisposableReadOnlyCollection<OrtValue> outputs)
    {
        try
        {
            return new ModelOutput(outputs);
        }
        catch
        {
            outputs.Dispose();
            throw;
        }
    }

    /// <summary>Splits a batch's output into one part for each image, without a copy. The parts take over this output,
    /// which is freed with the last part.</summary>
    internal ModelOutput[] Split()
    {
        SharedOwner owner = new(this, Shape[0]);
        return [.. Enumerable.Range(0, Shape[0]).Select(i => new ModelOutput(this, owner, i))];
    }

    /// <summary>Element type of the output.</summary>
    public TensorElementType ElementType { get; }

    /// <summary>Whether the elements may be scores: labels are whole numbers, of whatever type the graph has.</summary>
    public bool HasScores => ElementType == TensorElementType.Float;

    /// <summary>Dimensions of the output: N×n×h×w, or N×h×w for labels.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>Number of channels; 1 for labels without a channel axis.</summary>
    public int Channels
    {
        get
        {
            if (Shape.Count == 4)
            {
                return Shape[1];
            }

            return 1;
        }
    }

    /// <summary>Height of the output's grid.</summary>
    public int Height => Shape[^2];

    /// <summary>Width of the output's grid.</summary>
    public int Width => Shape[^1];

    /// <summary>Scores of image <paramref name="index"/>, CHW.</summary>
    /// <exception cref="InvalidOperationException">The output is not float32.</exception>
    public ReadOnlySpan<float> Scores(int index = 0)
    {
        ReadOnlySpan<float> all = _value is null
            ? _scores.Span
            : ElementType == TensorElementType.Float
                ? _value.GetTensorDataAsSpan<float>()
                : throw new InvalidOperationException($"Expected an output of float32, got {ElementType}.");
        int length = checked(Channels * Height * Width);
        return all.Slice((_first + index) * length, length);
    }

    /// <summary>All elements in the order of the axes in memory.</summary>
    public ReadOnlySpan<byte> Data => ElementType switch
    {
        TensorElementType.UInt8 => Bytes<byte>(),
        TensorElementType.Int8 => Bytes<sbyte>(),
        TensorElementType.UInt16 => Bytes<ushort>(),
        TensorElementType.Int32 => Bytes<int>(),
        TensorElementType.Int64 => Bytes<long>(),
        _ => Bytes<float>(),
    };

    /// <summary>Class indices of image <paramref name="index"/>, HW; an index that does not fit the destination's type
    /// becomes <paramref name="other"/>.</summary>
    /// <exception cref="InvalidOperationException">The output's type is not an integer.</exception>
    public void CopyLabels<TLabel>(Span<TLabel> destination, TLabel other, int index = 0)
        where TLabel : unmanaged, IBinaryInteger<TLabel>, IMinMaxValue<TLabel>
    {
        int length = Height * Width;
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, length);
        int start = (_first + index) * length;
        Range range = start..(start + length);
        switch (ElementType)
        {
            case TensorElementType.UInt8:
                Convert(_value!.GetTensorDataAsSpan<byte>()[range], destination, other);
                break;
            case TensorElementType.Int8:
                Convert(_value!.GetTensorDataAsSpan<sbyte>()[range], destination, other);
                break;
            case TensorElementType.UInt16:
                Convert(_value!.GetTensorDataAsSpan<ushort>()[range], destination, other);
                break;
            case TensorElementType.Int32:
                Convert(_value!.GetTensorDataAsSpan<int>()[range], destination, other);
                break;
            case TensorElementType.Int64:
                Convert(_value!.GetTensorDataAsSpan<long>()[range], destination, other);
                break;
            case TensorElementType.Float:
                ReadOnlySpan<float> numbers = Scores(index);
                for (int i = 0; i < numbers.Length; i++)
                {
                    destination[i] = IsLabel<TLabel>(numbers[i]) ? TLabel.CreateTruncating(numbers[i]) : other;
                }

                break;
            default:
                throw new InvalidOperationException($"Expected an output of class indices, got {ElementType}.");
        }
    }

    /// <summary>Returns the memory to ONNX Runtime; a second call does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _owner, null)?.Dispose();

    // Sliced in elements: the elements of a batch may have more bytes than a span can address.
    private ReadOnlySpan<byte> Bytes<T>()
        where T : unmanaged
    {
        ReadOnlySpan<T> all = _value is null ? MemoryMarshal.Cast<float, T>(_scores.Span) : _value.GetTensorDataAsSpan<T>();
        int length = Shape.Aggregate(1, (product, side) => checked(product * side));
        return MemoryMarshal.AsBytes(all.Slice(_first * length, length));
    }

    private static bool IsLabel<TLabel>(float number)
        where TLabel : unmanaged, IBinaryInteger<TLabel>, IMinMaxValue<TLabel> =>
        number >= 0 && number <= float.CreateTruncating(TLabel.MaxValue) && number == MathF.Floor(number);

    private static void Convert<T, TLabel>(ReadOnlySpan<T> labels, Span<TLabel> destination, TLabel other)
        where T : unmanaged, IBinaryInteger<T>
        where TLabel : unmanaged, IBinaryInteger<TLabel>, IMinMaxValue<TLabel>
    {
        if (typeof(T) == typeof(TLabel))
        {
            MemoryMarshal.Cast<T, TLabel>(labels).CopyTo(destination);
            return;
        }

        T most = T.CreateSaturating(TLabel.MaxValue);
        for (int i = 0; i < labels.Length; i++)
        {
            destination[i] = T.IsNegative(labels[i]) || labels[i] > most ? other : TLabel.CreateTruncating(labels[i]);
        }
    }
}
