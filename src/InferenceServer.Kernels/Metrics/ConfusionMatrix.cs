using System.Buffers;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Metrics;

/// <summary>Counts of pixels by truth and prediction over a data set, and the metrics that follow from them.</summary>
/// <remarks>
/// <para>For each class, with C correct pixels, T pixels in the truth and P pixels in the prediction: IoU = C / (T + P
/// − C), accuracy = C / T, Dice = 2C / (T + P). Each is NaN if it is 0/0. Add all images to one matrix: the mean of the
/// metrics of single images is another metric.</para>
/// <para>Pixels whose truth is the ignore label, or not a class, are skipped. If the truth of a pixel is a class and
/// its prediction is not, the pixel counts in T only, as Cityscapes does.</para>
/// <para>All members are safe to use from several threads at once.</para>
/// </remarks>
public sealed class ConfusionMatrix
{
    private readonly Lock _lock = new();
    private readonly long[] _counts;   // [truth][prediction], with one more column for predictions that are not a class

    /// <summary>Creates an empty matrix.</summary>
    /// <param name="classes">Number of classes, 1 to 256. Their labels are 0 to <paramref name="classes"/> − 1.</param>
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

    /// <summary>
    /// Number of pixels of class <paramref name="truth"/> that were predicted as class <paramref name="prediction"/>.
    /// </summary>
    public long this[int truth, int prediction]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)truth, (uint)Classes, nameof(truth));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)prediction, (uint)Classes, nameof(prediction));
            return Volatile.Read(ref _counts[Cell(truth, prediction)]);
        }
    }

    /// <summary>The share of correctly predicted pixels; NaN without valid pixels.</summary>
    public double PixelAccuracy
    {
        get
        {
            ClassCounts[] counts = Snapshot();
            return (double)counts.Sum(c => c.Correct) / counts.Sum(c => c.Truth);
        }
    }

    /// <summary>The mean of <see cref="Accuracy"/> over the classes.</summary>
    /// <param name="absent">How classes absent from the truth count.</param>
    public double MeanAccuracy(AbsentClassRule absent = AbsentClassRule.LeaveOut) => Mean(Accuracy(), absent);

    /// <summary>The mean of <see cref="IoU"/> over the classes, which is the usual measure of a segmentation.</summary>
    /// <param name="absent">How classes absent from truth and prediction count.</param>
    public double MeanIoU(AbsentClassRule absent = AbsentClassRule.LeaveOut) => Mean(IoU(), absent);

    /// <summary>The mean of <see cref="Dice"/> over the classes.</summary>
    /// <param name="absent">How classes absent from truth and prediction count.</param>
    public double MeanDice(AbsentClassRule absent = AbsentClassRule.LeaveOut) => Mean(Dice(), absent);

    /// <summary>The mean IoU, weighted by each class's share of the truth; NaN without valid pixels.</summary>
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

    /// <summary>Adds the pixels of an image, or some of them.</summary>
    /// <param name="truth">
    /// The true labels. Pixels whose label is <paramref name="ignore"/> or not a class are skipped.
    /// </param>
    /// <param name="prediction">The predicted labels of the same pixels.</param>
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

    /// <summary>Adds the counts of another matrix to this one.</summary>
    /// <param name="other">The other matrix, which does not change.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number of classes differs.</exception>
    public void Add(ConfusionMatrix other)
    {
        ArgumentNullException.ThrowIfNull(other);
        ArgumentOutOfRangeException.ThrowIfNotEqual(other.Classes, Classes, nameof(other));
        long[] counts;
        lock (other._lock)   // one lock after the other and never both: two matrices may be added to each other at once
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

    private static double Mean(double[] values, AbsentClassRule absent)
    {
        double[] present = [.. values.Where(value => !double.IsNaN(value))];
        int count = absent == AbsentClassRule.CountAsZero ? values.Length : present.Length;
        return present.Sum() / count;   // 0/0, which is NaN, without a class
    }

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
                }

                for (int other = 0; other < Classes; other++)
                {
                    predicted += _counts[Cell(other, c)];
                }

                result[c] = new ClassCounts(_counts[Cell(c, c)], truth, predicted);
            }
        }

        return result;
    }
}

/// <summary>How a class whose metric is 0/0 counts in the mean over the classes.</summary>
public enum AbsentClassRule
{
    /// <summary>The mean leaves the class out, as FCN's <c>score.py</c>, mmsegmentation and Cityscapes do.</summary>
    LeaveOut,

    /// <summary>The class counts as 0, which lowers the mean, as in semseg and SPNet.</summary>
    CountAsZero,
}

/// <summary>The numbers of pixels from which the metrics of one class follow.</summary>
internal readonly record struct ClassCounts(long Correct, long Truth, long Predicted)
{
    // 0/0 is NaN in floating point, which is the metric of an absent class.
    public double IoU => (double)Correct / (Truth + Predicted - Correct);

    public double Accuracy => (double)Correct / Truth;

    public double Dice => 2.0 * Correct / (Truth + Predicted);
}
