using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Fusion;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>The network's input: one or more images of one size. The caller disposes the input.</summary>
internal sealed class InputTensor(int batch, ImageSize size, TensorLayout layout) : IDisposable
{
    private readonly PooledBuffer<float> _values = new(checked((int)(batch * layout.Bytes(size) / sizeof(float))));

    /// <summary>Number of images.</summary>
    public int Batch { get; } = batch;

    /// <summary>Height and width of each image.</summary>
    public ImageSize Size { get; } = size;

    /// <summary>Height and width of the client's image, for graphs that take them.</summary>
    public ImageSize Image { get; init; } = size;

    /// <summary>Element type, channels and axis order.</summary>
    public TensorLayout Layout { get; } = layout;

    /// <summary>The elements in the order of the layout's axes. A packed pixel takes the place of one number.</summary>
    public Memory<float> Values => _values.Memory;

    /// <summary>The lengths of the axes.</summary>
    public long[] Shape => Layout.Shape(Batch, Size);

    /// <summary>Joins inputs of one size for one run of the network.</summary>
    /// <param name="inputs">One or more inputs, each of one image; the caller still disposes them.</param>
    /// <returns>The joined input; the caller disposes it.</returns>
    public static InputTensor Stack(IReadOnlyList<InputTensor> inputs)
    {
        InputTensor together = new(inputs.Count, inputs[0].Size, inputs[0].Layout);
        int length = together.Values.Length / inputs.Count;
        for (int i = 0; i < inputs.Count; i++)
        {
            inputs[i].Values.CopyTo(together.Values.Slice(i * length, length));
        }

        return together;
    }

    /// <summary>Writes a rectangle of an image, padded, and normalised where the layout is of numbers, into an input of one
    /// image.</summary>
    /// <param name="rgb">HWC, 8 bit; starts at the rectangle's first pixel.</param>
    /// <param name="stride">Pixels from one row of the image to the next.</param>
    /// <param name="geometry">How the rectangle lies in the input.</param>
    /// <param name="values">The normalisation and the padding.</param>
    internal void Write(ReadOnlySpan<byte> rgb, int stride, in InputGeometry geometry, in InputValues values)
    {
        ImageSize rectangle = new(geometry.Columns.Length, geometry.Rows.Length);
        if (Layout.IsPacked)
        {
            bool isGray = values.Normalization.Order == ChannelOrder.Gray;
            Span<byte> packed = MemoryMarshal.AsBytes(Values.Span);
            PixelPacker.Compute(rgb, stride, rectangle, packed, Size, geometry.Left, geometry.Top, isGray);
            return;
        }

        ChannelNormalizer.Compute(
            rgb, stride, rectangle, Values.Span, Size, geometry.Left, geometry.Top, values.Normalization, values.Padding);
    }

    /// <summary>Writes a rectangle of one band, normalised and padded, into an input of one image.</summary>
    /// <param name="plane">HW; starts at the rectangle's first value.</param>
    /// <param name="stride">Values from one row to the next.</param>
    /// <param name="channel">The channel of the network.</param>
    /// <param name="geometry">How the rectangle lies in the input.</param>
    /// <param name="line">The normalisation and the padding.</param>
    internal void Write(ReadOnlySpan<float> plane, int stride, int channel, in InputGeometry geometry, in BandLine line)
    {
        Span<float> target = Values.Span.Slice(channel * (int)Size.Pixels, (int)Size.Pixels);
        target.Fill(line.Padding);
        for (int y = 0; y < geometry.Rows.Length; y++)
        {
            Span<float> row = target.Slice(((geometry.Top + y) * Size.Width) + geometry.Left, geometry.Columns.Length);
            ReadOnlySpan<float> values = plane.Slice(y * stride, row.Length);
            for (int x = 0; x < row.Length; x++)
            {
                row[x] = ((values[x] * line.Scale) - line.Mean) / line.Std;
            }
        }
    }

    /// <summary>Mirrors the images left to right, in place.</summary>
    internal void Mirror() => MirroredRows.Apply(Values.Span, Size.Width);

    /// <summary>Fills the input with values in the range of a normalised image, from −2 to 2; the values are the same
    /// at every start.</summary>
    internal void FillNoise()
    {
        uint state = 0x9E3779B9;
        foreach (ref float value in Values.Span)
        {
            state = (state * 1664525) + 1013904223;
            value = ((state >> 8) * (4f / (1 << 24))) - 2;
        }
    }

    /// <summary>Copies the elements from a tensor that a client sent.</summary>
    /// <param name="elements">As many bytes as the input has, little-endian.</param>
    internal void CopyFrom(ReadOnlySpan<byte> elements) => MemoryMarshal.Cast<byte, float>(elements).CopyTo(Values.Span);

    /// <summary>Wraps the elements for ONNX Runtime without a copy; the caller disposes the value before this
    /// input.</summary>
    internal OrtValue Wrap() => OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, Values, Shape);

    /// <summary>Copies the elements to memory of an allocator; the caller disposes the value.</summary>
    internal OrtValue CopyTo(OrtAllocator allocator)
    {
        TensorElementType type = Layout.IsPacked ? TensorElementType.UInt8 : TensorElementType.Float;
        OrtValue copy = OrtValue.CreateAllocatedTensorValue(allocator, type, Shape);
        MemoryMarshal.AsBytes(Values.Span).CopyTo(copy.GetTensorMutableRawData());
        return copy;
    }

    /// <summary>Returns the memory to the pool.</summary>
    public void Dispose() => _values.Dispose();
}

/// <summary>The memory layout of a network's input: element type, channels and axis order. Only this type and <see
/// cref="InputTensor"/> depend on the layout.</summary>
internal sealed record TensorLayout
{
    /// <summary>The element type in ONNX's terms.</summary>
    public const string ElementType = "float32";

    private const int ChannelAxis = 1, HeightAxis = 2, WidthAxis = 3;

    private TensorLayout(int channels, bool isPacked) => (Channels, IsPacked) = (channels, isPacked);

    /// <summary>Pixels as <see cref="PixelPacker"/> packs them: N×H×W×4, uint8. The device normalises them.</summary>
    public static TensorLayout PackedPixels { get; } = new(PixelPacker.Bytes, isPacked: true);

    /// <summary>Whether this is <see cref="PackedPixels"/>.</summary>
    public bool IsPacked { get; }

    /// <summary>Channels of one pixel, 1 to <see cref="PreprocessManifest.MostChannels"/>.</summary>
    public int Channels { get; }

    /// <summary>Whether an RGB image gives an input: as it is, or as gray.</summary>
    public bool TakesImages => Channels is 1 or 3;

    /// <summary>The axes, for error messages.</summary>
    public string Axes => $"N×{Channels}×H×W";

    /// <summary>N×C×H×W, float32.</summary>
    public static TensorLayout Float32Nchw(int channels) => new(channels, isPacked: false);

    /// <summary>Bytes of one image's input.</summary>
    public long Bytes(ImageSize size) => size.Pixels * Channels * (IsPacked ? sizeof(byte) : sizeof(float));

    /// <summary>Bytes of one image's input beyond three channels, which the limit on pixels counts already.</summary>
    public long FurtherBytes(ImageSize size) => size.Pixels * Math.Max(Channels - 3, 0) * sizeof(float);

    /// <summary>The lengths of the axes, in their order.</summary>
    public long[] Shape(int batch, ImageSize size) => Shape(batch, size.Height, size.Width);

    /// <summary>The lengths of the axes, in their order; −1 for an open one.</summary>
    public long[] Shape(int batch, int height, int width)
    {
        if (IsPacked)
        {
            return [batch, height, width, Channels];
        }

        return [batch, Channels, height, width];
    }

    /// <summary>The shape for messages, for instance 1×3×480×640.</summary>
    public string Describe(int batch, ImageSize size) => string.Join('×', Shape(batch, size));

    /// <summary>The declared height and width of a graph's input; −1 for an open one.</summary>
    /// <param name="shape">A shape of this layout.</param>
    public static (int Height, int Width) Sides(IReadOnlyList<int> shape) => (shape[HeightAxis], shape[WidthAxis]);

    /// <summary>Reads a shape.</summary>
    /// <param name="shape">The lengths of the axes.</param>
    /// <param name="images">The length of the batch axis, 1 or more.</param>
    /// <param name="size">Height and width.</param>
    /// <returns>Whether the shape has this layout.</returns>
    public bool TryRead(IReadOnlyList<long> shape, out long images, out ImageSize size)
    {
        if (shape is [> 0 and var batch, var channels, > 0 and <= int.MaxValue and var height, > 0 and <= int.MaxValue and var width]
            && channels == Channels
            && !IsPacked)
        {
            (images, size) = (batch, new ImageSize((int)width, (int)height));
            return true;
        }

        (images, size) = (0, default);
        return false;
    }
}
