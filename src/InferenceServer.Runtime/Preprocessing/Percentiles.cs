using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>Two percentiles of the values of a band, without sorting or keeping them: the values are seen twice.</summary>
/// <param name="low">0 to 100.</param>
/// <param name="high">0 to 100.</param>
internal sealed class Percentiles(double low, double high)
{
    private const int Bins = 1 << 16;

    private readonly int[] _coarse = new int[Bins];
    private readonly int[]?[] _fine = new int[]?[Bins];
    private long _count;

    /// <summary>Bytes of one instance, at most.</summary>
    public const long MostBytes = (5L * Bins * sizeof(int)) + (Bins * sizeof(long));

    /// <summary>The percentiles of a step; null for null.</summary>
    public static Percentiles? For(ValueScaling? step)
    {
        if (step is null)
        {
            return null;
        }

        return new Percentiles(step.First, step.Second);
    }

    /// <summary>The percentiles once all values were seen twice, by linear interpolation as in NumPy; 0 and 0 where no value
    /// counts.</summary>
    public (double Low, double High) Values
    {
        get
        {
            if (_count == 0)
            {
                return (0, 0);
            }

            return (At(low), At(high));
        }
    }

    /// <summary>Sees values for the first time; NaN does not count.</summary>
    public void Count(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (!float.IsNaN(value))
            {
                _coarse[Key(value) >> 16]++;
                _count++;
            }
        }
    }

    /// <summary>Sees values for the second time.</summary>
    public void Refine(ReadOnlySpan<float> values)
    {
        if (_count == 0)
        {
            return;
        }

        foreach (double percent in (ReadOnlySpan<double>)[low, high])
        {
            long rank = (long)Position(percent);
            _fine[Bin(rank).Bin] ??= new int[Bins];
            _fine[Bin(Math.Min(rank + 1, _count - 1)).Bin] ??= new int[Bins];
        }

        foreach (float value in values)
        {
            uint key = Key(value);
            if (!float.IsNaN(value) && _fine[key >> 16] is { } bins)
            {
                bins[key & (Bins - 1)]++;
            }
        }
    }

    private double Position(double percent) => percent / 100 * (_count - 1);

    private double At(double percent)
    {
        double position = Position(percent);
        long rank = (long)position;
        double lower = Ranked(rank);
        if (position == rank)
        {
            return lower;
        }

        return lower + ((position - rank) * (Ranked(rank + 1) - lower));
    }

    /// <summary>The value that would stand at a place of the sorted values.</summary>
    private double Ranked(long rank)
    {
        (uint bin, long rest) = Bin(rank);
        int[] fine = _fine[bin]!;
        uint low = 0;
        for (; rest >= fine[low]; low++)
        {
            rest -= fine[low];
        }

        uint found = (bin << 16) | low;
        return BitConverter.UInt32BitsToSingle((found & 0x8000_0000) != 0 ? found ^ 0x8000_0000 : ~found);
    }

    /// <summary>The coarse bin of a place of the sorted values, and the place within the bin.</summary>
    private (uint Bin, long Place) Bin(long rank)
    {
        uint bin = 0;
        for (; rank >= _coarse[bin]; bin++)
        {
            rank -= _coarse[bin];
        }

        return (bin, rank);
    }

    // Numbers in the order of the floats.
    private static uint Key(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if ((bits & 0x8000_0000) != 0)
        {
            return ~bits;
        }

        return bits | 0x8000_0000;
    }
}
