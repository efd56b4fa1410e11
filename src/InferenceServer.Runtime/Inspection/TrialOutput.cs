using InferenceServer.Kernels;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace InferenceServer.Runtime.Inspection;

/// <summary>The result of one trial run.</summary>
/// <param name="Input">The size of the input.</param>
/// <param name="Images">Images in the output.</param>
/// <param name="Channels">Channels of the output.</param>
/// <param name="Grid">The size of the output.</param>
/// <param name="IsInteger">Whether the output holds integers.</param>
/// <param name="LargestLabel">The largest integer; 0 where the output holds scores.</param>
/// <param name="InUnitRange">Whether all scores lie in 0 to 1.</param>
/// <param name="SumsToOne">Whether the scores of each pixel sum to 1.</param>
/// <param name="IsFinite">Whether no score is NaN or infinite.</param>
internal sealed record TrialOutput(
    ImageSize Input, int Images, int Channels, ImageSize Grid, bool IsInteger, int LargestLabel, bool InUnitRange,
    bool SumsToOne, bool IsFinite)
{
    private const double Tolerance = 1e-3;

    /// <summary>Runs the graph on noise.</summary>
    /// <returns>Null where the graph fails.</returns>
    public static TrialOutput? Run(IModelSession session, int batch, ImageSize size, CancellationToken cancellationToken)
    {
        using InputTensor input = new(batch, size, session.Layout);
        input.FillNoise();
        try
        {
            using ModelOutput output = session.Run(input, cancellationToken);
            if (output.Shape.Count is 3 or 4)
            {
                return Describe(output, size);
            }

            return null;
        }
        catch (SegmentationException)
        {
            return null;
        }
    }

    private static TrialOutput Describe(ModelOutput output, ImageSize input)
    {
        ImageSize grid = new(output.Width, output.Height);
        if (output.ElementType != TensorElementType.Float)
        {
            ushort[] labels = new ushort[grid.Pixels];
            output.CopyLabels<ushort>(labels, ushort.MaxValue);
            return new TrialOutput(input, output.Shape[0], output.Channels, grid, true, labels.Max(), false, false, true);
        }

        ReadOnlySpan<float> scores = output.Scores();
        bool finite = true, inRange = true, sums = true;
        int pixels = (int)grid.Pixels;
        for (int pixel = 0; pixel < pixels; pixel++)
        {
            double sum = 0;
            for (int i = pixel; i < scores.Length; i += pixels)
            {
                finite &= float.IsFinite(scores[i]);
                inRange &= scores[i] is >= 0 and <= 1;
                sum += scores[i];
            }

            sums &= Math.Abs(sum - 1) < Tolerance;
        }

        return new TrialOutput(input, output.Shape[0], output.Channels, grid, false, 0, inRange, sums, finite);
    }
}
