using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Postprocessing;

/// <summary>The size of a network's output for a size of its input.</summary>
/// <param name="Rows">Output rows for input rows.</param>
/// <param name="Columns">Output columns for input columns.</param>
internal sealed record OutputGrid(AxisGrid Rows, AxisGrid Columns)
{
    private const int MostStride = 64;
    private const int MostScale = 8;

    /// <summary>Whether the output has the input's size.</summary>
    public bool IsInput { get; private init; }

    /// <summary>The grid of an output stride and an output scale.</summary>
    public static OutputGrid Of(double stride, double scale) => new(new AxisGrid(scale / stride, 0), new AxisGrid(scale / stride, 0));

    /// <summary>The most bytes of the output for one input; known before the run.</summary>
    /// <param name="input">Height and width of the input.</param>
    /// <param name="channels">Channels of the output.</param>
    /// <param name="kind">What the output holds.</param>
    /// <param name="elements">The most elements of the output.</param>
    public long Bytes(ImageSize input, int channels, OutputKind kind, out long elements)
    {
        elements = channels * Rows.Most(input.Height) * Columns.Most(input.Width);
        return elements * (kind == OutputKind.Labels ? sizeof(long) : sizeof(float));
    }

    /// <summary>Finds the rule behind the sizes of trial runs.</summary>
    /// <param name="runs">The sizes of the inputs and of the outputs.</param>
    /// <param name="graph">What the manifest says.</param>
    /// <param name="error">Why the sizes cannot be served.</param>
    public static OutputGrid Fit(IReadOnlyList<(ImageSize Input, ImageSize Grid)> runs, GraphManifest graph, out string? error)
    {
        (int Input, int Grid)[] rows = [.. runs.Select(r => (r.Input.Height, r.Grid.Height)).Distinct()];
        (int Input, int Grid)[] columns = [.. runs.Select(r => (r.Input.Width, r.Grid.Width)).Distinct()];
        bool isInput = runs.All(r => r.Input == r.Grid);
        error = null;
        if (graph.OutputStride is not null || graph.OutputScale is not null)
        {
            OutputGrid declared = Of(graph.OutputStride ?? 1, graph.OutputScale ?? 1);
            // Strided layers may round up or down; a difference of more than one output pixel means another stride.
            if (rows.Concat(columns).Any(r => Math.Abs(r.Grid - (r.Input * declared.Rows.Scale)) > 1))
            {
                error =
                    $"graph.output_stride: expected an output for stride {graph.OutputStride ?? 1}, scale " +
                    $"{graph.OutputScale ?? 1}, got " +
                    $"{Shown(runs)}; correct the keys, or leave them out and the shapes decide";
            }

            return declared with { IsInput = isInput };
        }

        if (graph.OutputBorder is null && Border(rows, columns) is { } border)
        {
            error =
                "graph.output_border: the output is smaller than the input by the same number of pixels " +
                $"({Shown(runs)}), as convolutions " +
                $"without padding cut them off; write {border.Text}, or 0 where the output covers the whole input";
        }
        else if (graph.OutputBorder is null && (IsShifted(rows) || IsShifted(columns)))
        {
            error =
                "graph.output_border: the output is larger than the input by the same number of pixels, or smaller by the same " +
                $"odd number ({Shown(runs)}), so that its pixels do not lie over the input's; export the graph with an output of " +
                "the input's size, or write 0 where the output covers the whole input";
        }

        return new OutputGrid(AxisGrid.Fit(rows), AxisGrid.Fit(columns)) { IsInput = isInput };
    }

    /// <summary>The ratio of an axis: a whole stride or scale where the lengths allow it, up to rounding.</summary>
    public static double Ratio(int input, int grid)
    {
        double stride = Math.Round((double)input / grid), scale = Math.Round((double)grid / input);
        if (stride is > 1 and <= MostStride && Math.Abs((input / stride) - grid) < 1)
        {
            return 1 / stride;
        }

        if (scale is >= 1 and <= MostScale && Math.Abs((input * scale) - grid) < 1)
        {
            return scale;
        }

        return (double)grid / input;
    }

    // A constant difference, more than one pixel, of sides that differ. One side alone, of a graph with one size, could as
    // well be a ratio: half the input and more is rarely one.
    private static (int Rows, int Columns, string Text)? Border((int Input, int Grid)[] rows, (int Input, int Grid)[] columns)
    {
        if (Cut(rows) is not { } top || Cut(columns) is not { } left || (top == 0 && left == 0))
        {
            return null;
        }

        string text = top == left ? $"{top}" : $"[{top}, {left}]";
        bool isFixed = rows.Length == 1 && columns.Length == 1;
        if (isFixed && (top != left || rows[0].Grid * 2 <= rows[0].Input || columns[0].Grid * 2 <= columns[0].Input))
        {
            return null;
        }

        return (top, left, text);
    }

    private static int? Cut((int Input, int Grid)[] axis)
    {
        int difference = axis[0].Input - axis[0].Grid;
        if (difference < 0 || difference % 2 != 0 || axis.Any(r => r.Input - r.Grid != difference))
        {
            return null;
        }

        return difference / 2;
    }

    // A constant difference that is no border of equal sides. One pixel moves nothing by more than half of one.
    private static bool IsShifted((int Input, int Grid)[] axis)
    {
        int difference = axis[0].Input - axis[0].Grid;
        return axis.Length > 1 && axis.All(r => r.Input - r.Grid == difference) && Math.Abs(difference) > 1
            && (difference < 0 || difference % 2 != 0);
    }

    private static string Shown(IReadOnlyList<(ImageSize Input, ImageSize Grid)> runs) =>
        string.Join(", ", runs.Distinct().Select(r => $"{r.Input.Height}×{r.Input.Width} gives {r.Grid.Height}×{r.Grid.Width}"));
}

/// <summary>Output points for input pixels along an axis: scale · input + offset.</summary>
/// <param name="Scale">Output points for one input pixel; 0 where the length is the same for every input.</param>
/// <param name="Offset">Output points beside those.</param>
internal readonly record struct AxisGrid(double Scale, double Offset)
{
    /// <summary>The rule behind some lengths.</summary>
    public static AxisGrid Fit(IReadOnlyList<(int Input, int Grid)> lengths)
    {
        (int input, int grid) = lengths.MaxBy(l => l.Input);
        if (lengths.All(l => l.Grid == grid) && (input - lengths.Min(l => l.Input)) * grid > 1.5 * input)
        {
            return new AxisGrid(0, grid); // a stride would have given another length
        }

        return new AxisGrid(OutputGrid.Ratio(input, grid), 0);
    }

    /// <summary>The most points for an input; strided layers may round up.</summary>
    public long Most(int input) => (long)Math.Ceiling((input * Scale) + Offset) + 1;
}
