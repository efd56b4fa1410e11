using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>The argument checks of the kernels that go from a grid to the photo.</summary>
internal static class GridArguments
{
    public static void Check(
        int scores, int classes, ImageSize grid, AxisTaps rows, AxisTaps columns, int labels, int confidence)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, ArgMax.MaxClasses);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scores, grid.Pixels * classes);
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels, (long)rows.Count * columns.Count);
        if (rows.Grid != grid.Height || columns.Grid != grid.Width)
        {
            throw new ArgumentException($"The taps are for a grid of {columns.Grid}×{rows.Grid}, the scores have {grid}.", nameof(grid));
        }

        if (confidence != 0)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(confidence, labels);
        }
    }
}
