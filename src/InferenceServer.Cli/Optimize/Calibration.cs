using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Cli.Optimize;

/// <summary>How the range of a value is chosen from what calibration has seen.</summary>
internal enum CalibrationMethod
{
    /// <summary>The method whose masks agree best.</summary>
    Auto,

    /// <summary>The smallest and the largest value.</summary>
    MinMax,

    /// <summary>Without the outermost 0.01 % at either end.</summary>
    Percentile,

    /// <summary>The cut at which the quantised distribution tells least of the values apart from the original one
    /// (Kullback-Leibler), as TensorRT chooses it.</summary>
    Entropy,
}

/// <summary>The ranges of values over calibration images.</summary>
internal static class Calibration
{
    private const string Least = "ReduceMin", Most = "ReduceMax";

    /// <summary>The smallest and the largest of each value.</summary>
    public static Dictionary<string, ValueRange> MinMax(
        GraphProbe probe, string file, IReadOnlyCollection<string> values, IEnumerable<InputTensor> inputs)
    {
        Dictionary<string, ValueRange> ranges = [];
        probe.Reduce(file, values, [Least, Most], inputs, (_, value, reduction, numbers) =>
        {
            float number = numbers[0];
            if (!float.IsFinite(number))
            {
                throw new CommandException(
                    $"Expected finite values in the network, got {number} in '{value}' on one of the images. "
                    + "A network that overflows in float32 cannot be optimised.");
            }

            ValueRange before = ranges.GetValueOrDefault(value, ValueRange.None);
            ranges[value] = reduction == Least
                ? before with { Least = Math.Min(before.Least, number) }
                : before with { Most = Math.Max(before.Most, number) };
        });
        return ranges;
    }

    /// <summary>How often each value lies in each of equal parts of its range.</summary>
    public static Dictionary<string, Histogram> Histograms(
        GraphProbe probe, string file, IReadOnlyDictionary<string, ValueRange> ranges, Func<IEnumerable<InputTensor>> inputs)
    {
        Dictionary<string, Histogram> histograms = ranges.ToDictionary(range => range.Key, range => new Histogram(range.Value));
        probe.Read(file, [.. ranges.Keys], inputs, (_, value, _, numbers) => histograms[value].Add(numbers));
        return histograms;
    }
}

/// <summary>How often a value lay in each of equal parts of its range.</summary>
internal sealed class Histogram(ValueRange range)
{
    private const int Bins = 2048;
    private const double Outliers = 1e-4;
    private const int Levels = 128;
    private readonly long[] _counts = new long[Bins];
    private readonly float _perBin = Bins / Math.Max(range.Most - range.Least, float.Epsilon);

    /// <summary>Counts numbers.</summary>
    public void Add(ReadOnlySpan<float> numbers)
    {
        foreach (float number in numbers)
        {
            _counts[Math.Clamp((int)((number - range.Least) * _perBin), 0, Bins - 1)]++;
        }
    }

    /// <summary>The range without the outermost numbers.</summary>
    public ValueRange WithoutOutliers()
    {
        long cut = (long)(_counts.Sum() * Outliers);
        int first = 0, last = Bins - 1;
        for (long left = cut; first < last && _counts[first] <= left; first++)
        {
            left -= _counts[first];
        }

        for (long left = cut; last > first && _counts[last] <= left; last--)
        {
            left -= _counts[last];
        }

        return Between(first, last);
    }

    /// <summary>The range whose quantised distribution differs least from the original.</summary>
    public ValueRange OfLeastDivergence()
    {
        // 0 is kept in the range: its bin is where both ends shrink to.
        int zero = Math.Clamp((int)((0 - range.Least) * _perBin), 0, Bins - 1);
        int steps = Bins / 64;
        (double divergence, int cut) best = (double.MaxValue, 0);
        for (int cut = 0; cut < 48; cut++)
        {
            (int first, int last) = Shrunk(zero, cut * steps);
            if (last - first + 1 < Levels)
            {
                break;
            }

            double divergence = Divergence(first, last);
            if (divergence < best.divergence)
            {
                best = (divergence, cut);
            }
        }

        (int from, int to) = Shrunk(zero, best.cut * steps);
        return Between(from, to);
    }

    private static (int First, int Last) Shrunk(int zero, int by) =>
        (Math.Min((int)((long)zero * by / Bins), zero), Math.Max(Bins - 1 - (int)((long)(Bins - 1 - zero) * by / Bins), zero));

    // Of the original with what is cut added to its ends, against each level's mean over the bins that are not empty.
    private double Divergence(int first, int last)
    {
        int count = last - first + 1;
        double[] original = new double[count];
        for (int i = 0; i < Bins; i++)
        {
            original[Math.Clamp(i, first, last) - first] += _counts[i];
        }

        double total = original.Sum(), divergence = 0;
        for (int level = 0; level < Levels; level++)
        {
            int from = count * level / Levels, to = count * (level + 1) / Levels;
            double sum = 0, filled = 0;
            for (int i = from; i < to; i++)
            {
                sum += _counts[first + i];
                filled += _counts[first + i] > 0 ? 1 : 0;
            }

            for (int i = from; i < to; i++)
            {
                if (original[i] > 0)
                {
                    double quantized = _counts[first + i] > 0 ? sum / filled : 0.5;
                    divergence += original[i] / total * Math.Log(original[i] / quantized);
                }
            }
        }

        return divergence;
    }

    private ValueRange Between(int first, int last) => new(range.Least + (first / _perBin), range.Least + ((last + 1) / _perBin));
}
