using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Postprocessing;

/// <summary>The class of every pixel of an image, and on request its confidence. The caller disposes the
/// mask.</summary>
internal sealed class Mask : IDisposable
{
    private readonly PooledBuffer<byte>? _labels;
    private readonly PooledBuffer<ushort>? _wideLabels;
    private readonly PooledBuffer<byte>? _confidence;
    private PooledBuffer<float>? _probabilities;
    private readonly PooledBuffer<byte>? _claims;
    private readonly List<PooledBuffer<byte>> _planes = [];

    internal Mask(
        ImageSize size, bool withConfidence, PooledBuffer<float>? probabilities = null, int classes = ArgMax.MaxClasses,
        bool withClaims = false)
    {
        int pixels = checked((int)size.Pixels);
        Size = size;
        if (classes > ArgMax.MaxClasses)
        {
            _wideLabels = new PooledBuffer<ushort>(pixels);
        }
        else
        {
            _labels = new PooledBuffer<byte>(pixels);
        }

        _confidence = withConfidence ? new PooledBuffer<byte>(pixels) : null;
        _probabilities = probabilities;
        _claims = withClaims ? new PooledBuffer<byte>(checked(classes * pixels)) : null;
    }

    /// <summary>The image's size.</summary>
    public ImageSize Size { get; }

    /// <summary>Class indices, HW; empty where the model has more than 256 classes.</summary>
    public Memory<byte> Labels => _labels?.Memory ?? default;

    /// <summary>Class indices, HW, where the model has more than 256 classes; else empty.</summary>
    public Memory<ushort> WideLabels => _wideLabels?.Memory ?? default;

    /// <summary>Probability of each pixel's class × 255, HW; empty unless requested.</summary>
    public Memory<byte> Confidence => _confidence?.Memory ?? default;

    /// <summary>Probability of every class, CHW, from the network; empty unless requested.</summary>
    public Memory<float> Probabilities => _probabilities?.Memory ?? default;

    /// <summary>1 where a class claims a pixel, else 0, CHW; empty unless the classes may overlap and a format needs
    /// this.</summary>
    public Memory<byte> Claims => _claims?.Memory ?? default;

    /// <summary>The pixels of each class that occurs, as maps of bytes that live as long as the mask.</summary>
    /// <param name="none">With classes that may overlap: the label of pixels that no class claims, where it is to be
    /// told like a class.</param>
    public IReadOnlyList<LabelPlane> Planes(int? none = null)
    {
        if (_claims is not null)
        {
            int pixels = (int)Size.Pixels;
            List<LabelPlane> planes = [];
            for (int c = 0; c < Claims.Length / pixels; c++)
            {
                planes.Add(new LabelPlane(Claims.Slice(c * pixels, pixels), [-1, c]));
            }

            if (none is { } label)
            {
                planes.Add(Rest(label));
            }

            return planes;
        }

        if (_wideLabels is null)
        {
            return [new LabelPlane(Labels)];
        }

        return [.. LabelPlane.Occurring(_wideLabels.Span).Chunk(LabelPlane.Others).Select(Narrow)];
    }

    /// <summary>Gives pixels a label of their own: no class claims them, and their confidence is 0.</summary>
    /// <param name="covered">1 for these pixels, HW.</param>
    /// <param name="label">The label.</param>
    /// <param name="first">Index of the first of <paramref name="covered"/> in the mask.</param>
    public void Cover(ReadOnlySpan<byte> covered, int label, int first = 0)
    {
        for (int i = first; i < first + covered.Length; i++)
        {
            if (covered[i - first] == 0)
            {
                continue;
            }

            if (_wideLabels is not null)
            {
                _wideLabels.Span[i] = (ushort)label;
            }
            else
            {
                Labels.Span[i] = (byte)label;
            }

            if (_confidence is not null)
            {
                _confidence.Span[i] = 0;
            }

            for (int at = i; at < Claims.Length; at += (int)Size.Pixels)
            {
                Claims.Span[at] = 0;
            }
        }
    }

    /// <summary>Takes probabilities over.</summary>
    /// <param name="probabilities">Probability of every class, CHW.</param>
    public void GiveProbabilities(PooledBuffer<float> probabilities) => _probabilities = probabilities;

    /// <summary>Hands the probabilities over; the caller disposes them.</summary>
    public PooledBuffer<float> TakeProbabilities()
    {
        PooledBuffer<float> taken = _probabilities ?? throw new InvalidOperationException("Expected a mask with probabilities.");
        _probabilities = null;
        return taken;
    }

    /// <summary>Returns the memory to the pool.</summary>
    public void Dispose()
    {
        _planes.ForEach(plane => plane.Dispose());
        _planes.Clear();
        _claims?.Dispose();
        _probabilities?.Dispose();
        _labels?.Dispose();
        _wideLabels?.Dispose();
        _confidence?.Dispose();
    }

    private LabelPlane Rest(int label)
    {
        if (_wideLabels is not null)
        {
            return Narrow([label]);
        }

        return new LabelPlane(Labels, [.. Enumerable.Repeat(-1, label), label]);
    }

    private LabelPlane Narrow(int[] classes)
    {
        ReadOnlySpan<ushort> labels = WideLabels.Span;
        PooledBuffer<byte> plane = new(labels.Length);
        _planes.Add(plane);
        LabelPlane.Narrow(labels, classes, plane.Span);
        return new LabelPlane(plane.Memory, classes);
    }
}

/// <summary>A map of bytes in which each value stands for a class, so that one set of kernels serves masks of any
/// number of classes.</summary>
/// <param name="values">HW.</param>
/// <param name="classes">The class of each value; null where a value is the class itself.</param>
internal sealed class LabelPlane(ReadOnlyMemory<byte> values, IReadOnlyList<int>? classes = null)
{
    /// <summary>The value of pixels whose class stands in another plane; the most classes of a plane.</summary>
    public const int Others = byte.MaxValue;

    /// <summary>HW: a value for each pixel.</summary>
    public ReadOnlyMemory<byte> Values => values;

    /// <summary>Finds the class of a value.</summary>
    /// <returns>False for pixels whose class, if any, stands in another plane.</returns>
    public bool TryGetClass(byte value, out int index)
    {
        index = value;
        if (classes is null)
        {
            return true;
        }

        index = value < classes.Count ? classes[value] : -1;
        return index >= 0;
    }

    /// <summary>The labels that occur, in ascending order.</summary>
    public static IEnumerable<int> Occurring(ReadOnlySpan<ushort> labels)
    {
        bool[] occurs = new bool[ushort.MaxValue + 1];
        foreach (ushort label in labels)
        {
            occurs[label] = true;
        }

        return Enumerable.Range(0, occurs.Length).Where(label => occurs[label]);
    }

    /// <summary>Writes the place of each pixel's label in <paramref name="classes"/>, else <see
    /// cref="Others"/>.</summary>
    public static void Narrow(ReadOnlySpan<ushort> labels, ReadOnlySpan<int> classes, Span<byte> values)
    {
        byte[] places = new byte[ushort.MaxValue + 1];
        Array.Fill(places, (byte)Others);
        for (int i = 0; i < classes.Length; i++)
        {
            places[classes[i]] = (byte)i;
        }

        for (int i = 0; i < labels.Length; i++)
        {
            values[i] = places[labels[i]];
        }
    }
}
