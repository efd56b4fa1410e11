using System.Buffers;
using System.Numerics;

namespace InferenceServer.Kernels.Metrics;

/// <summary>How far each pixel of a label map lies from another class: the bands ("trimaps") in which boundaries are scored.</summary>
/// <remarks>
/// Chebyshev distance to the nearest pixel of another class, so that a band of width r is what r steps of dilation with a 3×3 square
/// find. Pixels that belong to no class neither have a distance nor make a boundary: classes that a strip of void keeps
/// apart are as far from each other as the strip is wide. Kohli, Ladický and Torr, IJCV 2009; DeepLab scores mean IoU in such bands.
/// </remarks>
public static class BoundaryDistance
{
    /// <summary>Farther than was looked.</summary>
    public const byte Far = byte.MaxValue;

    /// <summary>Computes all distances up to a largest one.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="size">Of <paramref name="labels"/>.</param>
    /// <param name="classes">Labels from here on are no class.</param>
    /// <param name="ignore">The void label, no class either.</param>
    /// <param name="most">The largest distance that is looked for, 0 to 254.</param>
    /// <param name="distances">HW: 1 where a neighbour, diagonals included, is of another class; 0 at pixels of no class; <see cref="Far"/>
    /// beyond <paramref name="most"/>. Overwritten whole.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length is not that of the size, or <paramref name="most"/> is out of range.</exception>
    public static void Compute(ReadOnlySpan<byte> labels, ImageSize size, int classes, byte ignore, int most, Span<byte> distances)
    {
        Check(labels, size, most, distances);
        byte[] least = ArrayPool<byte>.Shared.Rent(labels.Length);
        byte[] greatest = ArrayPool<byte>.Shared.Rent(labels.Length); // held inverted, so that it is a minimum, too
        byte[] spare = ArrayPool<byte>.Shared.Rent(labels.Length);
        for (int i = 0; i < labels.Length; i++)
        {
            bool counts = IsClass(labels[i], classes, ignore);
            least[i] = counts ? labels[i] : byte.MaxValue;
            greatest[i] = counts ? (byte)~labels[i] : byte.MaxValue;
            distances[i] = counts ? Far : (byte)0;
        }

        for (int distance = 1; distance <= most; distance++)
        {
            Erode(least, size, spare);
            Erode(greatest, size, spare);
            Mark(labels, least, greatest, (byte)distance, distances);
        }

        ArrayPool<byte>.Shared.Return(least);
        ArrayPool<byte>.Shared.Return(greatest);
        ArrayPool<byte>.Shared.Return(spare);
    }

    /// <summary>The definition, word for word; slow.</summary>
    internal static void Scalar(ReadOnlySpan<byte> labels, ImageSize size, int classes, byte ignore, int most, Span<byte> distances)
    {
        Check(labels, size, most, distances);
        for (int i = 0; i < labels.Length; i++)
        {
            int nearest = most + 1;
            for (int j = 0; j < labels.Length; j++)
            {
                if (labels[j] != labels[i] && IsClass(labels[j], classes, ignore))
                {
                    nearest = Math.Min(nearest, Math.Max(Math.Abs((i % size.Width) - (j % size.Width)), Math.Abs((i / size.Width) - (j / size.Width))));
                }
            }

            distances[i] = !IsClass(labels[i], classes, ignore) ? (byte)0 : nearest > most ? Far : (byte)nearest;
        }
    }

    private static void Check(ReadOnlySpan<byte> labels, ImageSize size, int most, Span<byte> distances)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels.Length, size.Pixels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(distances.Length, size.Pixels);
        ArgumentOutOfRangeException.ThrowIfNegative(most);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(most, Far);
    }

    private static bool IsClass(byte label, int classes, byte ignore) => label != ignore && label < classes;

    /// <summary>Replaces every pixel by the least of its 3×3 neighbourhood.</summary>
    private static void Erode(Span<byte> map, ImageSize size, Span<byte> spare)
    {
        (int width, int height) = size;
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = map.Slice(y * width, width);
            Span<byte> narrowed = spare.Slice(y * width, width);
            narrowed[0] = Math.Min(row[0], row[Math.Min(1, width - 1)]);
            narrowed[^1] = Math.Min(row[^1], row[Math.Max(0, width - 2)]);
            if (width > 2)
            {
                Least(row[..^2], row[1..^1], row[2..], narrowed[1..^1]);
            }
        }

        for (int y = 0; y < height; y++)
        {
            int above = Math.Max(0, y - 1), below = Math.Min(height - 1, y + 1);
            Least(spare.Slice(above * width, width), spare.Slice(y * width, width), spare.Slice(below * width, width), map.Slice(y * width, width));
        }
    }

    private static void Least(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
    {
        int i = 0;
        for (; i <= result.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector.Min(Vector.Min(new Vector<byte>(a[i..]), new Vector<byte>(b[i..])), new Vector<byte>(c[i..])).CopyTo(result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = Math.Min(Math.Min(a[i], b[i]), c[i]);
        }
    }

    /// <summary>Gives a distance to the pixels that have none yet and see another class in their neighbourhood.</summary>
    private static void Mark(ReadOnlySpan<byte> labels, ReadOnlySpan<byte> least, ReadOnlySpan<byte> greatest, byte distance, Span<byte> distances)
    {
        int i = 0;
        for (; i <= labels.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector<byte> label = new(labels[i..]), known = new(distances[i..]);
            Vector<byte> sees = Vector.LessThan(new Vector<byte>(least[i..]), label) | Vector.LessThan(new Vector<byte>(greatest[i..]), ~label);
            Vector.ConditionalSelect(sees & Vector.Equals(known, new Vector<byte>(Far)), new Vector<byte>(distance), known).CopyTo(distances[i..]);
        }

        for (; i < labels.Length; i++)
        {
            if (distances[i] == Far && (least[i] < labels[i] || greatest[i] < (byte)~labels[i]))
            {
                distances[i] = distance;
            }
        }
    }
}
