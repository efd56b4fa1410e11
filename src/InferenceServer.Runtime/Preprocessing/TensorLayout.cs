using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>How a network's input lies in memory: element type, channels and axis order. This type and
/// <see cref="InputTensor"/> are the only ones that know.</summary>
internal sealed record TensorLayout
{
    /// <summary>N×3×H×W, float32.</summary>
    public static TensorLayout Float32Nchw { get; } = new();

    /// <summary>The element type in ONNX's terms.</summary>
    public string ElementType { get; private init; } = "float32";

    /// <summary>Values of one pixel.</summary>
    public int Channels { get; private init; } = 3;

    /// <summary>The axes, for error messages.</summary>
    public string Axes => $"N×{Channels}×H×W";

    private int ChannelAxis { get; init; } = 1;

    private int HeightAxis { get; init; } = 2;

    private int WidthAxis { get; init; } = 3;

    /// <summary>Bytes of one image's input.</summary>
    public long Bytes(ImageSize size) => size.Pixels * Channels * sizeof(float);

    /// <summary>The lengths of the axes, in their order.</summary>
    public long[] Shape(int batch, ImageSize size) => Shape(batch, size.Height, size.Width);

    /// <summary>The lengths of the axes, in their order; −1 for an open one.</summary>
    public long[] Shape(int batch, int height, int width) => [batch, Channels, height, width];

    /// <summary>The shape for messages, for instance 1×3×480×640.</summary>
    public string Describe(int batch, ImageSize size) => string.Join('×', Shape(batch, size));

    /// <summary>The declared height and width of a graph's input; −1 for an open one.</summary>
    /// <param name="shape">A shape of this layout.</param>
    public (int Height, int Width) Sides(IReadOnlyList<int> shape) => (shape[HeightAxis], shape[WidthAxis]);

    /// <summary>Reads a shape.</summary>
    /// <param name="shape">The lengths of the axes.</param>
    /// <param name="images">The length of the batch axis, 1 or more.</param>
    /// <param name="size">Height and width.</param>
    /// <returns>Whether the shape is one of this layout.</returns>
    public bool TryRead(IReadOnlyList<long> shape, out long images, out ImageSize size)
    {
        if (shape is [> 0 and var batch, var channels, > 0 and <= int.MaxValue and var height, > 0 and <= int.MaxValue and var width]
            && channels == Channels)
        {
            (images, size) = (batch, new ImageSize((int)width, (int)height));
            return true;
        }

        (images, size) = (0, default);
        return false;
    }

    /// <summary>Why a graph's input does not have this layout; null where it does.</summary>
    /// <param name="elementType">The input's element type in ONNX's terms.</param>
    /// <param name="shape">The declared lengths of the axes; −1 for an open one.</param>
    internal string? Mismatch(string elementType, IReadOnlyList<int> shape)
    {
        if (elementType != ElementType)
        {
            return $"graph.element: expected an input of {ElementType}";
        }

        bool hasRank = shape.Count == WidthAxis + 1;
        if (hasRank && (shape[ChannelAxis] == Channels || shape[ChannelAxis] < 0))
        {
            return null;
        }

        string transposed = hasRank && shape[^1] == Channels ? ", but the last axis has the channels; transpose inside the graph" : "";
        return $"graph.layout: expected an input {Axes}{transposed}";
    }
}
