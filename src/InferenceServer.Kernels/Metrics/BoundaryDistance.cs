using System.Buffers;
using System.Numerics;

namespace InferenceServer.Kernels.Metrics;

/// <summary>
/// The distance of each pixel to the nearest pixel of another class, for scores in bands along boundaries ("trimaps").
/// </summary>
/// <remarks>
/// <para>The Chebyshev distance: a band of width r contains the pixels that r dilations of the boundary with a 3×3
/// square reach. Pixels without a class have no distance and make no boundary: two classes with a strip of void between
/// them are as far apart as the strip is wide.</para>
/// <para>Kohli, Ladický and Torr, IJCV 2009. DeepLab reports mean IoU in such bands.</para>
/// </remarks>
public static class BoundaryDistance
{
    /// <summary>
    /// The distance of pixels whose nearest other class is farther away than the largest distance asked for.
    /// </summary>
    public const byte Far = byte.MaxValue;

    /// <summary>Computes the distances of all pixels, up to a largest distance.</summary>
    /// <param name="labels">The label map, HW.</param>
    /// <param name="size">Size of the label map.</param>
    /// <param name="classes">Number of classes. Labels from this number on are not a class.</param>
    /// <param name="ignore">The void label, which is not a class.</param>
    /// <param name="maxDistance">The largest distance to find, 0 to 254.</param>
    /// <param name="distances">
    /// Receives the distances, HW: 1 if one of the eight neighbours has another class, 0 for pixels without a class,
    /// and <see cref="Far"/> beyond <paramref name="maxDistance"/>. Overwritten whole.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A length does not fit the size, or <paramref name="maxDistance"/> is out of range.
    /// </exception>
    public static void Compute(
        ReadOnlySpan<byte> labels, ImageSize size, int classes, byte ignore, int maxDistance, Span<byte> distances)
    {
        Check(labels, size, maxDistance, distances);
        byte[] smallest = ArrayPool<byte>.Shared.Rent(labels.Length);
        byte[] largest = ArrayPool<byte>.Shared.Rent(labels.Length);   // inverted, so that it is a minimum as well
        byte[] spare = ArrayPool<byte>.Shared.Rent(labels.Length);
        for (int i = 0; i < labels.Length; i++)
        {
            if (IsClass(labels[i], classes, ignore))
            {
                (smallest[i], largest[i], distances[i]) = (labels[i], (byte)~labels[i], Far);
            }
            else
            {
                (smallest[i], largest[i], distances[i]) = (byte.MaxValue, byte.MaxValue, 0);
            }
        }

        for (int distance = 1; distance <= maxDistance; distance++)
        {
            Erode(smallest, size, spare);
            Erode(largest, size, spare);
            Mark(labels, smallest, largest, (byte)distance, distances);
        }

        ArrayPool<byte>.Shared.Return(smallest);
        ArrayPool<byte>.Shared.Return(largest);
        ArrayPool<byte>.Shared.Return(spare);
    }

    /// <summary>The definition as code, which is the specification; slow.</summary>
    internal static void Scalar(
        ReadOnlySpan<byte> labels, ImageSize size, int classes, byte ignore, int maxDistance, Span<byte> distances)
    {
        Check(labels, size, maxDistance, distances);
        for (int i = 0; i < labels.Length; i++)
        {
            distances[i] = 0;
            if (!IsClass(labels[i], classes, ignore))
            {
                continue;
            }

            int nearest = Far;
            for (int j = 0; j < labels.Length; j++)
            {
                if (labels[j] != labels[i] && IsClass(labels[j], classes, ignore))
                {
                    int dx = Math.Abs((i % size.Width) - (j % size.Width)), dy = Math.Abs((i / size.Width) - (j / size.Width));
                    nearest = Math.Min(nearest, Math.Max(dx, dy));
                }
            }

            distances[i] = nearest > maxDistance ? Far : (byte)nearest;
        }
    }

    private static void Check(ReadOnlySpan<byte> labels, ImageSize size, int maxDistance, Span<byte> distances)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(labels.Length, size.Pixels);
        ArgumentOutOfRangeException.ThrowIfNotEqual(distances.Length, size.Pixels);
        ArgumentOutOfRangeException.ThrowIfNegative(maxDistance);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(maxDistance, Far);
    }

    private static bool IsClass(byte label, int classes, byte ignore) => label != ignore && label < classes;

    /// <summary>Replaces every value by the smallest of its 3×3 neighbourhood.</summary>
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
                Min(row[..^2], row[1..^1], row[2..], narrowed[1..^1]);
            }
        }

        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> above = spare.Slice(Math.Max(0, y - 1) * width, width);
            ReadOnlySpan<byte> below = spare.Slice(Math.Min(height - 1, y + 1) * width, width);
            Min(above, spare.Slice(y * width, width), below, map.Slice(y * width, width));
        }
    }

    private static void Min(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, ReadOnlySpan<byte> c, Span<byte> result)
    {
        int i = 0;
        for (; i <= result.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector<byte> first = Vector.Min(new Vector<byte>(a[i..]), new Vector<byte>(b[i..]));
            Vector.Min(first, new Vector<byte>(c[i..])).CopyTo(result[i..]);
        }

        for (; i < result.Length; i++)
        {
            result[i] = Math.Min(Math.Min(a[i], b[i]), c[i]);
        }
    }

    /// <summary>
    /// Gives the distance to every pixel that has none yet and whose neighbourhood contains another class.
    /// </summary>
    private static void Mark(
        ReadOnlySpan<byte> labels, ReadOnlySpan<byte> smallest, ReadOnlySpan<byte> largest, byte distance, Span<byte> distances)
    {
        int i = 0;
        for (; i <= labels.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            Vector<byte> label = new(labels[i..]), known = new(distances[i..]);
            Vector<byte> below = Vector.LessThan(new Vector<byte>(smallest[i..]), label);
            Vector<byte> above = Vector.LessThan(new Vector<byte>(largest[i..]), ~label);
            Vector<byte> found = (below | above) & Vector.Equals(known, new Vector<byte>(Far));
            Vector.ConditionalSelect(found, new Vector<byte>(distance), known).CopyTo(distances[i..]);
        }

        for (; i < labels.Length; i++)
        {
            if (distances[i] == Far && (smallest[i] < labels[i] || largest[i] < (byte)~labels[i]))
            {
                distances[i] = distance;
            }
        }
    }
}
