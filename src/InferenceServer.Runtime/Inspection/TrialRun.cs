using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Inspection;

/// <summary>The result of one run of a graph whose output is taken as it is, whatever the order of its axes.</summary>
/// <param name="Input">The size of the input.</param>
/// <param name="Shape">The lengths of the output's axes.</param>
/// <param name="Values">The output's numbers.</param>
/// <param name="AreIntegers">Whether the output's type holds integers.</param>
internal sealed record TrialRun(ImageSize Input, IReadOnlyList<int> Shape, float[] Values, bool AreIntegers)
{
    /// <summary>By how much the probabilities of a pixel may miss 1: quantised ones miss by half a step each.</summary>
    private const double Tolerance = 0.02;

    /// <summary>Whether no number is NaN or infinite.</summary>
    public bool IsFinite => Values.All(float.IsFinite);

    /// <summary>Whether all numbers lie within 0 to 1.</summary>
    public bool IsInUnitRange => Values.All(v => v is >= 0 and <= 1);

    /// <summary>Whether all numbers are whole and not negative, as labels are.</summary>
    public bool AreWhole => AreIntegers || Values.All(v => v >= 0 && v == MathF.Floor(v));

    /// <summary>Runs the graph on an image of blocks and noise.</summary>
    /// <param name="session">The graph.</param>
    /// <param name="batch">Number of images.</param>
    /// <param name="size">Height and width.</param>
    /// <param name="values">From pixels to the values that the graph sees.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <param name="shapeOnly">Leaves the numbers out, which fill the memory where there are many runs.</param>
    /// <param name="failed">Receives the reason of a failure.</param>
    /// <returns>Null where the graph fails, or returns nothing.</returns>
    public static TrialRun? Run(
        IModelSession session, int batch, ImageSize size, PreprocessManifest values,
            CancellationToken cancellationToken,
        bool shapeOnly = false, Action<string>? failed = null)
    {
        using InputTensor input = TrialImage.Full.Create(batch, size, session.Layout, values);
        try
        {
            using ModelOutput output = session.Run(input, cancellationToken);
            if (output.Shape.Any(length => length < 1) || (output.Shape.Count == 4 && output.Shape[0] != batch))
            {
                return null;
            }

            float[] numbers = shapeOnly ? [] : Numbers(output);
            return new TrialRun(size, output.Shape, numbers, output.ElementType != TensorElementType.Float);
        }
        catch (SegmentationException e)
        {
            failed?.Invoke(e.InnerException?.Message ?? e.Message);
            return null;
        }
    }

    /// <summary>Whether the numbers of each pixel sum to 1.</summary>
    /// <param name="axis">The axis of the channels.</param>
    public bool SumsToOne(int axis)
    {
        int inner = Shape.Skip(axis + 1).Aggregate(1, (product, length) => product * length), channels = Shape[axis];
        for (int first = 0; first < Values.Length; first += inner * channels)
        {
            for (int pixel = first; pixel < first + inner; pixel++)
            {
                double sum = 0;
                for (int channel = 0; channel < channels; channel++)
                {
                    sum += Values[pixel + (channel * inner)];
                }

                if (Math.Abs(sum - 1) > Math.Max(Tolerance, channels / 400.0))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static float[] Numbers(ModelOutput output) => output.ElementType switch
    {
        TensorElementType.UInt8 => Cast<byte>(output, v => v),
        TensorElementType.Int8 => Cast<sbyte>(output, v => v),
        TensorElementType.UInt16 => Cast<ushort>(output, v => v),
        TensorElementType.Int32 => Cast<int>(output, v => v),
        TensorElementType.Int64 => Cast<long>(output, v => v),
        _ => MemoryMarshal.Cast<byte, float>(output.Data).ToArray(),
    };

    private static float[] Cast<T>(ModelOutput output, Converter<T, float> convert)
        where T : unmanaged => Array.ConvertAll(MemoryMarshal.Cast<byte, T>(output.Data).ToArray(), convert);
}

/// <summary>Where rows, columns and channels lie in an output.</summary>
/// <param name="Layout">The axes, as <c>graph.output_layout</c> names them.</param>
/// <param name="IsGuess">Whether another reading fits as well.</param>
internal sealed record OutputAxes(string Layout, bool IsGuess = false)
{
    /// <summary>The axis of the channels; −1 where there is none.</summary>
    public int ChannelAxis => Layout.IndexOf('C', StringComparison.Ordinal);

    /// <summary>Finds the axes.</summary>
    /// <param name="runs">Runs at sizes of unequal sides, and their mirror images; or one run of a graph with one
    /// size.</param>
    /// <param name="traced">The axes that the operators show.</param>
    /// <param name="classes">The number of classes; null where nothing says it.</param>
    /// <returns>Null where no axes follow the sides of the input.</returns>
    public static OutputAxes? Find(IReadOnlyList<TrialRun> runs, string? traced, int? classes)
    {
        IReadOnlyList<int> shape = runs[0].Shape;
        if (traced is not null && traced.Length == shape.Count && GraphManifest.OutputLayouts.Contains(traced))
        {
            return new OutputAxes(traced);
        }

        string[] fitting = [.. Words(shape).Where(word => runs.All(run => Fits(run, word)))];
        string[] moving = [.. fitting.Where(word => Follows(runs, word))];
        if (moving.Length > 0)
        {
            fitting = moving;
        }

        if (fitting.Length > 1 && classes is not null)
        {
            string[] counted = [.. fitting.Where(w => w.Contains('C', StringComparison.Ordinal)
                && shape[w.IndexOf('C', StringComparison.Ordinal)] == classes)];
            fitting = counted.Length > 0 ? counted : fitting;
        }

        if (fitting.Length == 0)
        {
            return null;
        }

        return new OutputAxes(fitting[0], fitting.Length > 1);
    }

    /// <summary>The most likely axes of an output whose axes do not follow the sides of the input.</summary>
    public static OutputAxes? OfConstant(IReadOnlyList<int> shape, string? traced)
    {
        if (traced is not null && traced.Length == shape.Count && GraphManifest.OutputLayouts.Contains(traced))
        {
            return new OutputAxes(traced);
        }

        return shape switch
        {
            [_, var first, var second, var last] when last < Math.Min(first, second) =>
                new OutputAxes("NHWC", IsGuess: true),
            [_, _, > 1, > 1] => new OutputAxes("NCHW", IsGuess: true),
            [1, > 1, > 1] => new OutputAxes("NHW", IsGuess: true),
            [_, > 1, > 1] => new OutputAxes("CHW", IsGuess: true),
            [> 1, > 1] => new OutputAxes("HW", IsGuess: true),
            _ => null,
        };
    }

    /// <summary>The grid of an output.</summary>
    public ImageSize Grid(TrialRun run) =>
        new(run.Shape[Layout.IndexOf('W', StringComparison.Ordinal)],
            run.Shape[Layout.IndexOf('H', StringComparison.Ordinal)]);

    /// <summary>Channels of an output.</summary>
    public int Channels(TrialRun run)
    {
        if (ChannelAxis < 0)
        {
            return 1;
        }

        return run.Shape[ChannelAxis];
    }

    // The readings of a rank; the usual ones first.
    private static string[] Words(IReadOnlyList<int> shape) => shape switch
    {
        [_, _, _, _] => ["NCHW", "NHWC"],
        [1, _, _] => ["NHW", "HWC"],
        [_, _, _] => ["CHW", "HWC", "NHW"],
        [_, _] => ["HW"],
        _ => [],
    };

    // The ratio of the rows is about that of the columns, and the batch axis has the one image.
    private static bool Fits(TrialRun run, string word)
    {
        ImageSize grid = new OutputAxes(word).Grid(run);
        double rows = (double)grid.Height / run.Input.Height, columns = (double)grid.Width / run.Input.Width;
        double rounding = (1.5 / run.Input.Height) + (1.5 / run.Input.Width);
        bool isAlike = Math.Abs(rows - columns) <= rounding + (0.02 * Math.Max(rows, columns));
        return (word[0] != 'N' || run.Shape[0] == 1) && (isAlike || IsStrided(rows, columns));
    }

    // Rows and columns may have strides of their own, up to a factor of 4.
    private static bool IsStrided(double rows, double columns) =>
        Math.Max(rows, columns) <= 1.01 && Math.Max(rows, columns) / Math.Min(rows, columns) is > 1.8 and < 4.5;

    private static bool Follows(IReadOnlyList<TrialRun> runs, string word)
    {
        (TrialRun high, TrialRun wide) = (runs.MaxBy(r => r.Input.Height)!, runs.MaxBy(r => r.Input.Width)!);
        ImageSize first = new OutputAxes(word).Grid(high), second = new OutputAxes(word).Grid(wide);
        return first.Height > second.Height && first.Width < second.Width;
    }
}
