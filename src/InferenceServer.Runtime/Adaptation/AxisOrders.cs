using InferenceServer.Runtime.Manifests;
using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>Reads the order of a tensor's axes from its declared shape, as far as one reading is left.</summary>
internal static class AxisOrders
{
    /// <summary>The axis order of the image input.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="input">The input.</param>
    /// <param name="channels">The network's channels as the manifest says; null where nothing says them.</param>
    /// <param name="declared">The manifest's word; null finds the order.</param>
    /// <exception cref="GraphRefusedException">No reading is left.</exception>
    public static string Input(Graph graph, ValueInfo input, int? channels, string? declared)
    {
        if (input.Shape is { Count: 5 })
        {
            throw new GraphRefusedException(
                $"graph.input: expected images, but the graph takes volumes: {TensorSignature.Of(input)}; export a network for slices, " +
                "and send each slice as an image");
        }

        if (declared is not null)
        {
            return declared;
        }

        string? traced = AxisTrace.Input(graph, input.Name);
        switch (input.Shape)
        {
            case [_, var first, _, var last]:
                bool planar = Fits(first, channels), interleaved = Fits(last, channels);
                if (planar != interleaved)
                {
                    return planar ? "NCHW" : "NHWC";
                }

                if (!planar && Known(first) is { } count && Known(last) is { })
                {
                    throw Channels(input, Math.Min(count, Known(last)!.Value), channels);
                }

                // Open axes: nearly every exporter writes N×C×H×W, and the trial runs find the others.
                return traced ?? "NCHW";
            case [var first, _, var last]:
                return Known(last) == (channels ?? 3) && Known(first) != (channels ?? 3) ? "HWC" : "CHW";
            default:
                throw new GraphRefusedException(
                    "graph.input: expected an image input of 4 axes, or of 3 without a batch axis; the graph has " +
                    $"{TensorSignature.Of(input)}");
        }
    }

    /// <summary>The axis order of the result.</summary>
    /// <param name="shape">The lengths of the axes; −1 for an open one.</param>
    /// <param name="channels">Channels of a pixel as the manifest says: 1 for labels; null where nothing says
    /// them.</param>
    /// <param name="traced">The axes that the operators show.</param>
    /// <returns>The order; null where two readings are left, or none.</returns>
    public static string? Output(IReadOnlyList<int> shape, int? channels, string? traced)
    {
        if (traced is not null && traced.Length == shape.Count && GraphManifest.OutputLayouts.Contains(traced))
        {
            return traced;
        }

        return shape switch
        {
            [_, var first, _, var last] when channels == 1 => last == 1 && first != 1 ? "NHW1" : "NCHW",
            [var first, _, var last] when channels == 1 => last == 1 && first != 1 ? "HWC" : "NHW",
            [_, var first, _, var last] => ByChannels(first, last, channels, "NCHW", "NHWC"),
            [var first, _, var last] => ByChannels(first, last, channels, "CHW", "HWC"),
            [_, _] => "HW",
            _ => null,
        };
    }

    // A length that equals the channels weighs more than an open one.
    private static string? ByChannels(int first, int last, int? channels, string planar, string interleaved)
    {
        if (channels is not { } expected)
        {
            return null;
        }

        bool isFirst = first == expected, isLast = last == expected;
        if (isFirst != isLast)
        {
            return isFirst ? planar : interleaved;
        }

        // Where neither can be, the trial run tells what the graph returns.
        return isFirst || first < 0 || last < 0 ? null : planar;
    }

    private static bool Fits(Dimension axis, int? channels) => Known(axis) is { } length && length == (channels ?? 3);

    private static long? Known(Dimension axis)
    {
        if (axis.Value > 0)
        {
            return axis.Value;
        }

        return null;
    }

    private static GraphRefusedException Channels(ValueInfo input, long count, int? channels) => new(
        $"preprocess.mean: expected {count} numbers in mean and in std, one for each channel of the graph, got {channels}; the graph has " +
        TensorSignature.Of(input));
}
