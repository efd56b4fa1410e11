using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Fusion;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Buffers;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>The network's input: one or more images of one size. The holder disposes it.</summary>
internal sealed class InputTensor(int batch, ImageSize size, TensorLayout layout) : IDisposable
{
    private readonly PooledBuffer<float> _values = new(checked((int)(batch * layout.Bytes(size) / sizeof(float))));

    /// <summary>Number of images.</summary>
    public int Batch { get; } = batch;

    /// <summary>Height and width of each image.</summary>
    public ImageSize Size { get; } = size;

    /// <summary>Element type, channels and axis order.</summary>
    public TensorLayout Layout { get; } = layout;

    /// <summary>The elements in the order of the layout's axes.</summary>
    public Memory<float> Values => _values.Memory;

    /// <summary>The lengths of the axes.</summary>
    public long[] Shape => Layout.Shape(Batch, Size);

    /// <summary>Joins inputs of one size for one run of the network.</summary>
    /// <param name="inputs">One or more, each of one image; not disposed.</param>
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

    /// <summary>Writes a rectangle of an image, normalised and padded, into an input of one image.</summary>
    /// <param name="rgb">HWC, 8 bit; begins at the rectangle's first pixel.</param>
    /// <param name="stride">Pixels from one row of the image to the next.</param>
    /// <param name="geometry">How the rectangle lies in the input.</param>
    /// <param name="normalization">The model's normalisation.</param>
    /// <param name="padding">The normalised colour around the rectangle, in the model's channel order.</param>
    internal void Write(
        ReadOnlySpan<byte> rgb, int stride, in InputGeometry geometry, in ChannelNormalization normalization, ReadOnlySpan<float> padding)
    {
        ImageSize rectangle = new(geometry.Columns.Length, geometry.Rows.Length);
        ChannelNormalizer.Compute(rgb, stride, rectangle, Values.Span, Size, geometry.Left, geometry.Top, normalization, padding);
    }

    /// <summary>Mirrors the images left to right, in place.</summary>
    internal void Mirror() => MirroredRows.Apply(Values.Span, Size.Width);

    /// <summary>Fills the input with what a normalised image looks like to a network: values from −2 to 2, the same
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

    /// <summary>Wraps the elements, without a copy, for ONNX Runtime; the caller disposes the value before this
    /// input.</summary>
    internal OrtValue Wrap() => OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, Values, Shape);

    /// <summary>Copies the elements to memory of an allocator; the caller disposes the value.</summary>
    internal OrtValue CopyTo(OrtAllocator allocator)
    {
        OrtValue copy = OrtValue.CreateAllocatedTensorValue(allocator, TensorElementType.Float, Shape);
        Values.Span.CopyTo(copy.GetTensorMutableDataAsSpan<float>());
        return copy;
    }

    /// <summary>Returns the memory to the pool.</summary>
    public void Dispose() => _values.Dispose();
}
