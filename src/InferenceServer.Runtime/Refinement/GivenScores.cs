using System.Globalization;
using DenseCrf;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Refinement;

/// <summary>What another tool knows of an image, in place of a network's output: probabilities, energies or labels. The
/// caller disposes it.</summary>
internal sealed class GivenScores : IDisposable
{
    private const float Rounding = 1e-3f; // a softmax in half precision may exceed 1 by this much
    private PooledBuffer<float>? _values;
    private readonly byte[]? _labels;
    private readonly float _confidence;

    private GivenScores(PooledBuffer<float> values, int planes, ImageSize size, bool areEnergies) =>
        (_values, Planes, Size, AreEnergies) = (values, planes, size, areEnergies);

    private GivenScores(byte[] labels, int classes, ImageSize size, float confidence) =>
        (_labels, Planes, Size, _confidence) = (labels, classes, size, confidence);

    /// <summary>The probability that a label is right, where nobody says it.</summary>
    public const float UsualConfidence = 0.7f;

    /// <summary>The label of pixels of which nothing is known, in a label map.</summary>
    public const byte Void = byte.MaxValue;

    /// <summary>Planes of the array. One plane is the foreground of two classes.</summary>
    public int Planes { get; }

    /// <summary>Number of classes.</summary>
    public int Classes => ClassesOf(Planes);

    /// <summary>Width and height of a plane.</summary>
    public ImageSize Size { get; }

    /// <summary>Whether the values are energies in nats (−ln p).</summary>
    public bool AreEnergies { get; }

    /// <summary>Number of classes that an array of so many planes is about.</summary>
    public static int ClassesOf(int planes) => Math.Max(planes, 2);

    /// <summary>Most bytes that reading scores and <see cref="ToMask"/> take at once.</summary>
    public static long Bytes(ImageSize size, int planes)
    {
        long planesAtOnce = planes;
        if (planes < ClassesOf(planes))
        {
            planesAtOnce += ClassesOf(planes);
        }

        return size.Pixels * planesAtOnce * sizeof(float);
    }

    /// <summary>Reads an array: float32 or float16, [classes, height, width], or [1, height, width] for the probability of the
    /// foreground.</summary>
    /// <param name="npy">The <c>.npy</c> file.</param>
    /// <param name="areEnergies">Whether the values are energies.</param>
    /// <param name="accept">Looks at the size and the number of planes and throws where they are not wanted, before memory is
    /// taken for the values.</param>
    /// <param name="cancellationToken">Cancels reading.</param>
    /// <exception cref="InvalidDataException">The file has no such array.</exception>
    public static async Task<GivenScores> ReadAsync(
        Stream npy, bool areEnergies, Action<ImageSize, int> accept, CancellationToken cancellationToken)
    {
        NpyValues array = await NpyFloats.ReadAsync(npy, Accept, cancellationToken).ConfigureAwait(false);
        (int planes, ImageSize size) = Axes(array.Header);
        return new GivenScores(array.Values, planes, size, areEnergies);

        void Accept(NpyHeader header)
        {
            (int planes, ImageSize size) = Axes(header);
            if (planes == 1 && areEnergies)
            {
                throw new InvalidDataException(
                    "Expected the energies of at least two classes, got one. Give the probability of the foreground without energies.");
            }

            accept(size, planes);
        }
    }

    /// <summary>Reads a label map, of which each label is right with the same probability.</summary>
    /// <param name="png">A grey or indexed PNG of class indices; 255 is void.</param>
    /// <param name="classes">Number of classes; null takes those up to the largest label.</param>
    /// <param name="confidence">The probability that a label is right; the other classes share the rest.</param>
    /// <param name="accept">As for an array, once the size is known, with two planes, and once the classes are.</param>
    /// <exception cref="InvalidDataException">The file is no label map, or a label is no class.</exception>
    public static GivenScores OfLabels(ReadOnlySpan<byte> png, int? classes, float confidence, Action<ImageSize, int> accept)
    {
        LabelPng map = LabelPng.Decode(png, size => accept(size, ClassesOf(1)));
        int largest = -1;
        foreach (byte label in map.Labels)
        {
            if (label != Void)
            {
                largest = Math.Max(largest, label);
            }
        }

        if (classes <= largest)
        {
            throw new InvalidDataException($"Expected labels below {classes}, the number of classes, or {Void} for void, got {largest}.");
        }

        int planes = ClassesOf(classes ?? largest + 1);
        accept(map.Size, planes);
        return new GivenScores(map.Labels, planes, map.Size, confidence);
    }

    /// <summary>Says that the scores do not have the size of an image.</summary>
    public static string WrongSize(ImageSize size, ImageSize image) =>
        $"Expected scores of {image} pixels, as the image has, got {size}. Send both at the same size, the image upright.";

    /// <summary>Makes a mask with the scores of every class, and no labels yet. It takes the scores over.</summary>
    /// <exception cref="SegmentationException">A value is no probability.</exception>
    public Mask ToMask()
    {
        using Owned<Mask> mask = new(new Mask(Size, withConfidence: false));
        mask.Value.GiveProbabilities(Scores());
        return mask.Release();
    }

    /// <summary>Returns the memory to the pool.</summary>
    public void Dispose() => _values?.Dispose();

    private static (int Planes, ImageSize Size) Axes(NpyHeader header)
    {
        if (header.Shape is [> 0 and <= CrfInference.MaxLabels and int planes, > 0 and int height, > 0 and int width])
        {
            return (planes, new ImageSize(width, height));
        }

        throw new InvalidDataException(
            $"Expected the shape (classes, height, width) with 1 to {CrfInference.MaxLabels} classes, "
            + $"got ({string.Join(", ", header.Shape)}).");
    }

    private PooledBuffer<float> Scores()
    {
        if (_values is null)
        {
            return Spread();
        }

        if (!AreEnergies)
        {
            CheckProbabilities(_values.Span);
        }

        if (Planes < Classes)
        {
            return WithBackground(_values.Span);
        }

        PooledBuffer<float> taken = _values;
        _values = null;
        return taken;
    }

    private static PooledBuffer<float> WithBackground(ReadOnlySpan<float> foreground)
    {
        PooledBuffer<float> both = new(checked(2 * foreground.Length));
        for (int i = 0; i < foreground.Length; i++)
        {
            both.Span[i] = 1 - foreground[i];
        }

        foreground.CopyTo(both.Span[foreground.Length..]);
        return both;
    }

    // Logits would be clipped, and give a wrong result without an error.
    private static void CheckProbabilities(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (!(value >= -Rounding && value <= 1 + Rounding))
            {
                string got = value.ToString(CultureInfo.InvariantCulture);
                throw new SegmentationException(
                    SegmentationError.InvalidRequest,
                    $"probabilities: expected numbers from 0 to 1, got {got}. Apply the softmax first, or give energies in nats with "
                    + "energies=true (--energies).");
            }
        }
    }

    // As people make unaries of labels: the class has the confidence, the others share the rest, and void is even.
    private PooledBuffer<float> Spread()
    {
        int pixels = (int)Size.Pixels;
        PooledBuffer<float> scores = new(checked(Classes * pixels));
        float[] byLabel = new float[byte.MaxValue + 1];
        for (int c = 0; c < Classes; c++)
        {
            Array.Fill(byLabel, (1 - _confidence) / (Classes - 1));
            byLabel[c] = _confidence;
            byLabel[Void] = 1f / Classes;
            Span<float> plane = scores.Span.Slice(c * pixels, pixels);
            for (int i = 0; i < pixels; i++)
            {
                plane[i] = byLabel[_labels![i]];
            }
        }

        return scores;
    }
}
