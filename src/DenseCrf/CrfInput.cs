namespace DenseCrf;

/// <summary>An image and the scores of its labels: what a refinement starts from.</summary>
/// <remarks>
/// Holds spans over the caller's buffers and copies nothing; the buffers must stay as they are until the refinement
/// returns.
/// </remarks>
public readonly ref struct CrfInput
{
    private CrfInput(ReadOnlySpan<float> unary, bool holdsEnergies, ReadOnlySpan<byte> rgb, int width, int height, int labels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(labels, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(labels, CrfInference.MaxLabels);
        Unary = unary;
        HoldsEnergies = holdsEnergies;
        Rgb = rgb;
        Size = new ImageSize(width, height);
        Labels = labels;
        Size.ThrowIfLengthDiffers(unary.Length, labels, holdsEnergies ? "energies" : "probabilities");
        Size.ThrowIfLengthDiffers(rgb.Length, 3, nameof(rgb));
    }

    /// <summary>Width of the image and of each plane of scores, in pixels.</summary>
    public int Width => Size.Width;

    /// <summary>Height of the image and of each plane of scores, in pixels.</summary>
    public int Height => Size.Height;

    /// <summary>Number of labels, which is the number of planes of scores.</summary>
    public int Labels { get; }

    internal ReadOnlySpan<float> Unary { get; }

    internal bool HoldsEnergies { get; }

    internal ReadOnlySpan<byte> Rgb { get; }

    internal ImageSize Size { get; }

    /// <summary>An input of probabilities, such as the softmax of a segmentation network.</summary>
    /// <param name="probabilities">
    /// CHW, values from 0 to 1. The energy of a probability p is −ln p; p below 10⁻⁵ counts as 10⁻⁵, because 0 would be
    /// an infinite energy.
    /// </param>
    /// <param name="rgb">The image that guides the edges: HWC, red first, 0 to 255.</param>
    /// <param name="width">Width of the image, in pixels; at least 1.</param>
    /// <param name="height">Height of the image, in pixels; at least 1.</param>
    /// <param name="labels">Number of planes, 1 to 256.</param>
    /// <exception cref="ArgumentException">
    /// A number is out of range, or the length of a buffer does not fit the others.
    /// </exception>
    public static CrfInput FromProbabilities(
        ReadOnlySpan<float> probabilities, ReadOnlySpan<byte> rgb, int width, int height, int labels) =>
        new(probabilities, holdsEnergies: false, rgb, width, height, labels);

    /// <summary>An input of energies, which are used as they are.</summary>
    /// <param name="energies">CHW, in nats, finite; a lower energy is a likelier label.</param>
    /// <param name="rgb">The image that guides the edges: HWC, red first, 0 to 255.</param>
    /// <param name="width">Width of the image, in pixels; at least 1.</param>
    /// <param name="height">Height of the image, in pixels; at least 1.</param>
    /// <param name="labels">Number of planes, 1 to 256.</param>
    /// <exception cref="ArgumentException">
    /// A number is out of range, or the length of a buffer does not fit the others.
    /// </exception>
    public static CrfInput FromEnergies(
        ReadOnlySpan<float> energies, ReadOnlySpan<byte> rgb, int width, int height, int labels) =>
        new(energies, holdsEnergies: true, rgb, width, height, labels);
}

/// <summary>The size of an image, in pixels.</summary>
internal readonly record struct ImageSize(int Width, int Height)
{
    public long Pixels => (long)Width * Height;

    /// <exception cref="ArgumentException">
    /// A buffer does not have <paramref name="channels"/> values for each pixel.
    /// </exception>
    public void ThrowIfLengthDiffers(int length, int channels, string name)
    {
        if (length != Pixels * channels)
        {
            throw new ArgumentException(
                $"Expected {Pixels * channels} values, {channels} for each of {Width}×{Height} pixels, got {length}.", name);
        }
    }
}
