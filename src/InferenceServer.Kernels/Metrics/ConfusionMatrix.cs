using System.Buffers;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Metrics;

/// <summary>Counts of pixels by truth and prediction over a whole data set, and the metrics that follow from them.</summary>
/// <remarks>
/// <para>With C the counts, T the row sums (truth), P the column sums (prediction): IoU = C / (T + P − C), accuracy = C / T,
/// Dice = 2C / (T + P), each NaN when it is 0/0. Sum the images in one matrix: the mean of per-image scores is another metric.</para>
/// <para>Pixels whose truth is the ignore label, or is no class at all, are skipped whatever was predicted. A prediction that is no
/// class on a valid pixel counts in T alone: the class there is missed, no other is accused (Cityscapes' rule).</para>
/// <para>Every member may be called from several threads at once.</para>
/// </remarks>
public sealed class ConfusionMatrix
{
    private readonly Lock _lock = new();
    private readonly long[] _counts;   // [truth][prediction], with one column more for predictions that are no class

    /// <param name="classes">1 to 256; labels are 0 to <paramref name="classes"/> − 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes is out of range.</exception>
    public ConfusionMatrix(int classes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(classes, ArgMax.MaxClasses);
        Classes = classes;
        _counts = new long[classes * (classes + 1)];
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Pixels of class <paramref name="truth"/> predicted as class <paramref name="prediction"/>.</summary>
    public long this[int truth, int prediction]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)truth, (uint)Classes, nameof(truth));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)prediction, (uint)Classes, nameof(prediction));
            return Volatile.Read(ref _counts[Cell(truth, prediction)]);
        }
    }

    /// <summary>Share of valid pixels predicted right; NaN without any.</summary>
    public double PixelAccuracy
    {
        get
        {
            ClassCounts[] counts = Snapshot();
            return (double)counts.Sum(c => c.Correct) / counts.Sum(c => c.Truth);
        }
    }

    /// <summary>Mean over classes of <see cref="Accuracy"/>.</summary>
    /// <param name="absent">What to do with classes absent from the truth.</param>
    public double MeanAccuracy(AbsentClassRule absent = AbsentClassRule.LeaveOut) => Mean(Accuracy(), absent);

    /// <summary>Mean over classes of <see cref="IoU"/>: the usual headline figure.</summary>
    /// <param name="absent">What to do with classes absent from truth and prediction.</param>
    public double MeanIoU(AbsentClassRule absent = AbsentClassRule.LeaveOut) => Mean(IoU(), absent);

    /// <summary>Mean over classes of <see cref="Dice"/>.</summary>
    /// <param name="absent">What to do with classes absent from truth and prediction.</param>
    public double MeanDice(AbsentClassRule absent = AbsentClassRule.LeaveOut) => Mean(Dice(), absent);

    /// <summary>Sum of IoU weighted with each class's share of the truth; NaN without valid pixels.</summary>
    public double FrequencyWeightedIoU
    {
        get
        {
            ClassCounts[] counts = Snapshot();
            return counts.Where(c => c.Truth > 0).Sum(c => c.Truth * c.IoU) / counts.Sum(c => c.Truth);
        }
    }

    /// <summary>Intersection over union of each class; NaN where a class is absent from truth and prediction.</summary>
    public double[] IoU() => [.. Snapshot().Select(c => c.IoU)];

    /// <summary>Recall of each class; NaN where it is absent from the truth.</summary>
    public double[] Accuracy() => [.. Snapshot().Select(c => c.Accuracy)];

    /// <summary>Dice coefficient (F1) of each class; NaN where it is absent from truth and prediction.</summary>
    public double[] Dice() => [.. Snapshot().Select(c => c.Dice)];

    /// <summary>Counts one image's pixels, or some of them.</summary>
    /// <param name="truth">Labels; <paramref name="ignore"/> and anything not below <see cref="Classes"/> is skipped.</param>
    /// <param name="prediction">As many labels.</param>
    /// <param name="ignore">The void label.</param>
    /// <exception cref="ArgumentOutOfRangeException">The lengths differ.</exception>
    public void Add(ReadOnlySpan<byte> truth, ReadOnlySpan<byte> prediction, byte ignore = 255)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(prediction.Length, truth.Length);
        int[] counts = ArrayPool<int>.Shared.Rent(_counts.Length);
        counts.AsSpan(0, _counts.Length).Clear();
        for (int i = 0; i < truth.Length; i++)
        {
            if (truth[i] != ignore && truth[i] < Classes)
            {
                counts[Cell(truth[i], Math.Min(prediction[i], Classes))]++;
            }
        }

        lock (_lock)
        {
            for (int i = 0; i < _counts.Length; i++)
            {
                _counts[i] += counts[i];
            }
        }

        ArrayPool<int>.Shared.Return(counts);
    }

    /// <summary>Adds another matrix's counts to this one, which leaves the other as it is.</summary>
    /// <exception cref="ArgumentException">The other has another number of classes.</exception>
    public void Add(ConfusionMatrix other)
    {
        ArgumentNullException.ThrowIfNull(other);
        ArgumentOutOfRangeException.ThrowIfNotEqual(other.Classes, Classes, nameof(other));
        long[] counts;
        lock (other._lock)   // one lock after the other, never both: two matrices may be merging into each other
        {
            counts = [.. other._counts];
        }

        lock (_lock)
        {
            for (int i = 0; i < _counts.Length; i++)
            {
                _counts[i] += counts[i];
            }
        }
    }

    private static double Mean(double[] values, AbsentClassRule absent) => absent == AbsentClassRule.CountAsZero
        ? values.Average(value => double.IsNaN(value) ? 0 : value)
        : values.Where(value => !double.IsNaN(value)).DefaultIfEmpty(double.NaN).Average();

    private int Cell(int truth, int prediction) => (truth * (Classes + 1)) + prediction;

    private ClassCounts[] Snapshot()
    {
        ClassCounts[] result = new ClassCounts[Classes];
        lock (_lock)
        {
            for (int c = 0; c < Classes; c++)
            {
                long truth = 0, predicted = 0;
                for (int other = 0; other <= Classes; other++)
                {
                    truth += _counts[Cell(c, other)];
                    predicted += other < Classes ? _counts[Cell(other, c)] : 0;
                }

                result[c] = new ClassCounts(_counts[Cell(c, c)], truth, predicted);
            }
        }

        return result;
    }
}

/// <summary>What a mean over classes does with a class whose own score is 0/0.</summary>
public enum AbsentClassRule
{
    /// <summary>Leaves it out of the mean: FCN's <c>score.py</c>, mmsegmentation, Cityscapes.</summary>
    LeaveOut,

    /// <summary>Counts it as 0, which lowers the mean: semseg and SPNet.</summary>
    CountAsZero,
}

/// <summary>What the metrics of one class are made of, in pixels.</summary>
internal readonly record struct ClassCounts(long Correct, long Truth, long Predicted)
{
    // 0/0 is NaN in floating point, which is just what an absent class should be.
    public double IoU => (double)Correct / (Truth + Predicted - Correct);

    public double Accuracy => (double)Correct / Truth;

    public double Dice => 2.0 * Correct / (Truth + Predicted);
}
