using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Preprocessing;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxGraph;

namespace InferenceServer.Runtime.Sessions;

/// <summary>Normalises packed pixels on the device of a network, which so receives four bytes of each pixel instead of twelve.</summary>
/// <param name="session">A session of <see cref="PixelGraph"/>; disposed with this object.</param>
/// <param name="staging">The session's allocator of memory that the device copies from; disposed with this object.</param>
/// <param name="device">The device's own memory; disposed with this object.</param>
internal sealed class PixelNormalizer(InferenceSession session, OrtAllocator staging, OrtMemoryInfo device) : IDisposable
{
    // Devices may divide, or multiply and add, in other ways than the processor.
    private const float Tolerance = 1e-5f;

    /// <summary>Normalises images.</summary>
    /// <param name="pixels">An input of <see cref="TensorLayout.PackedPixels"/>; its values are copied.</param>
    /// <returns>The network's input in the device's memory, the only item of the list, which the caller disposes.</returns>
    public IDisposableReadOnlyCollection<OrtValue> Run(InputTensor pixels) => Run(pixels, device);

    /// <summary>Whether the device gives the numbers that the processor gives, for all 256 values of each colour and for the
    /// padding.</summary>
    /// <param name="values">What the graph was made of.</param>
    public bool IsRight(in InputValues values)
    {
        ImageSize image = new(16, 16), padded = new(19, 18);
        byte[] rgb = [.. Enumerable.Range(0, (int)image.Pixels).SelectMany(i => new[] { (byte)i, (byte)(i * 3), (byte)(255 - i) })];
        InputGeometry geometry = new(image, image, padded, padded, Left: 2, Top: 1);
        using InputTensor expected = new(1, padded, TensorLayout.Float32Nchw(values.Normalization.Channels));
        using InputTensor packed = new(1, padded, TensorLayout.PackedPixels);
        expected.Write(rgb, image.Width, geometry, values);
        packed.Write(rgb, image.Width, geometry, values);
        using IDisposableReadOnlyCollection<OrtValue> found = Run(packed, OrtMemoryInfo.DefaultInstance);
        ReadOnlySpan<float> numbers = found[0].GetTensorDataAsSpan<float>();
        for (int i = 0; i < numbers.Length; i++)
        {
            float right = expected.Values.Span[i];
            if (!(Math.Abs(numbers[i] - right) <= Tolerance * Math.Max(1, Math.Abs(right))))
            {
                return false;
            }
        }

        return numbers.Length == expected.Values.Length;
    }

    public void Dispose()
    {
        device.Dispose();
        staging.Dispose();
        session.Dispose();
    }

    private IDisposableReadOnlyCollection<OrtValue> Run(InputTensor pixels, OrtMemoryInfo target)
    {
        using OrtValue staged = pixels.CopyTo(staging);
        using OrtIoBinding binding = session.CreateIoBinding();
        using RunOptions options = new();
        binding.BindInput(PixelGraph.Input, staged); // starts the copy, so the values are written before this call
        binding.BindOutputToDevice(PixelGraph.Output, target);
        binding.SynchronizeBoundInputs();
        session.RunWithBinding(options, binding);
        binding.SynchronizeBoundOutputs(); // the network's session does not wait for this one
        return binding.GetOutputValues();
    }
}

/// <summary>A graph that normalises packed pixels, for a device that runs it before a network: uint8 N×H×W×4 to float32
/// N×C×H×W.</summary>
internal static class PixelGraph
{
    /// <summary>Name of the packed pixels.</summary>
    public const string Input = "pixels";

    /// <summary>Name of the network's input.</summary>
    public const string Output = "normalized";

    private const string Name = "pixels.onnx";
    private const int IrVersion = 8, Opset = 17;
    private const int ChannelAxis = 1;

    /// <summary>Writes the graph.</summary>
    /// <param name="values">The normalisation and the padding.</param>
    public static GraphSource Create(in InputValues values)
    {
        ChannelNormalization normalization = values.Normalization;
        int channels = normalization.Channels;
        long[] sources = normalization.Order switch
        {
            ChannelOrder.Rgb => [0, 1, 2],
            ChannelOrder.Bgr => [2, 1, 0],
            _ => [0], // the three colours are the same gray
        };
        using OnnxModel model = OnnxModel.Create(IrVersion, Opset);
        NodeWriter writer = new(model.Graph, Opset);
        string planes = writer.Transpose(Input, 0, 3, 1, 2);
        string colors = writer.Add("Gather", [planes, writer.Constant(sources)], OnnxAttribute.Of("axis", ChannelAxis));
        string scaled = writer.Add("Mul", [writer.Cast(colors, ElementType.Float32), writer.Scalar(normalization.Scale)]);
        string centred = writer.Add("Sub", [scaled, PerChannel([.. Enumerable.Range(0, channels).Select(c => normalization.Mean[c])])]);
        string normal = writer.Add("Div", [centred, PerChannel([.. Enumerable.Range(0, channels).Select(c => normalization.Std[c])])]);
        string isInside = writer.Cast(writer.Slice(planes, ChannelAxis, 3, 4), ElementType.Bool);
        writer.Name(writer.Add("Where", [isInside, normal, PerChannel(values.Padding)]), Output);
        foreach (Node node in writer.Nodes)
        {
            model.Graph.Nodes.Add(node);
        }

        Dimension n = new(null, "n"), h = new(null, "h"), w = new(null, "w");
        model.Graph.Inputs.Add(new ValueInfo(Input, ElementType.UInt8, [n, h, w, new Dimension(PixelPacker.Bytes)]));
        model.Graph.Outputs.Add(new ValueInfo(Output, ElementType.Float32, [n, new Dimension(channels), h, w]));
        return new GraphSource(Name, model.ToBytes());

        string PerChannel(float[] numbers) => writer.Constant([channels, 1, 1], numbers);
    }
}
