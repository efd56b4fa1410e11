using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>Steps that change the values of bands.</summary>
/// <param name="lists">One list of steps for all bands, or one for each; none changes nothing.</param>
internal sealed class BandScaling(IReadOnlyList<IReadOnlyList<ValueScaling>> lists)
{
    private const string Percentile = "percentile", MinMax = "min-max";

    /// <summary>Whether some step depends on all values of a band, so that <see cref="Resolve"/> reads them.</summary>
    public bool HasPercentiles => lists.Any(steps => steps.Any(step => step.Type == Percentile));

    /// <summary>Changes values of one band; those that are NaN stay NaN.</summary>
    /// <param name="band">Index of the band.</param>
    /// <param name="values">The values; changed in place.</param>
    public void Apply(int band, Span<float> values) => Apply(Steps(band), values);

    /// <summary>Replaces percentiles by the values that they have in an image.</summary>
    /// <param name="bands">Number of bands.</param>
    /// <param name="survey">Shows all values of each band, in pieces: to a function of the band's index and some of its
    /// values. Called twice for each step of a list that is a percentile.</param>
    /// <returns>Steps that do not depend on the image.</returns>
    public BandScaling Resolve(int bands, Action<Action<int, ReadOnlyMemory<float>>> survey)
    {
        List<ValueScaling>[] resolved = [.. Enumerable.Range(0, bands).Select(band => new List<ValueScaling>(Steps(band)))];
        while (Array.Exists(resolved, steps => steps.Exists(IsPercentile)))
        {
            Percentiles?[] found = [.. resolved.Select(steps => Percentiles.For(steps.Find(IsPercentile)))];
            survey((band, values) => See(band, values, seen => found[band]!.Count(seen)));
            survey((band, values) => See(band, values, seen => found[band]!.Refine(seen)));
            for (int band = 0; band < bands; band++)
            {
                if (found[band] is { } percentiles)
                {
                    (double low, double high) = percentiles.Values;
                    resolved[band][resolved[band].FindIndex(IsPercentile)] = new ValueScaling(MinMax, low, high);
                }
            }
        }

        return new BandScaling(resolved);

        // Percentiles are those of the values after the steps before.
        void See(int band, ReadOnlyMemory<float> values, Action<ReadOnlySpan<float>> see)
        {
            int step = resolved[band].FindIndex(IsPercentile);
            if (step < 1)
            {
                if (step == 0)
                {
                    see(values.Span);
                }

                return;
            }

            using PooledBuffer<float> scratch = new(values.Length);
            values.Span.CopyTo(scratch.Span);
            Apply(resolved[band].Take(step), scratch.Span);
            see(scratch.Span);
        }

        static bool IsPercentile(ValueScaling step) => step.Type == Percentile;
    }

    private IReadOnlyList<ValueScaling> Steps(int band)
    {
        if (lists.Count == 0)
        {
            return [];
        }

        return lists[Math.Min(band, lists.Count - 1)];
    }

    private static void Apply(IEnumerable<ValueScaling> steps, Span<float> values)
    {
        foreach (ValueScaling step in steps)
        {
            Apply(step, values);
        }
    }

    private static void Apply(ValueScaling step, Span<float> values)
    {
        (double least, double most) = (double.NegativeInfinity, double.PositiveInfinity);
        (double subtracted, double divisor) = (0, 1);
        switch (step.Type)
        {
            case "clip":
                (least, most) = (step.First, step.Second);
                break;
            case "clip-min":
                least = step.First;
                break;
            case "clip-max":
                most = step.First;
                break;
            case "z-score":
                (subtracted, divisor) = (step.First, step.Second);
                break;
            case "offset":
                subtracted = step.First;
                break;
            case "scale":
                divisor = step.First;
                break;
            case MinMax:
                (subtracted, divisor) = (step.First, step.Second > step.First ? step.Second - step.First : 1);
                break;
            default:
                throw new InvalidOperationException($"The step '{step.Type}' was not resolved.");
        }

        foreach (ref float value in values)
        {
            // NaN stays NaN.
            value = (float)((Math.Clamp(value, least, most) - subtracted) / divisor);
        }
    }
}
