namespace DenseCrf;

/// <summary>What a kernel divides its filter F by, where z = F·1 is the filter's response to ones.</summary>
public enum CrfNormalization
{
    /// <summary>z^-½ before and after the filter, the default. Krähenbühl and Koltun, ICML 2013.</summary>
    Symmetric,

    /// <summary>1/z before the filter.</summary>
    Before,

    /// <summary>1/z after the filter, as in the code of the NIPS 2011 paper and in CRF-as-RNN.</summary>
    After,

    /// <summary>No division: messages reach hundreds and saturate the result. For comparison only.</summary>
    None,
}

/// <summary>Standard deviations of a colour difference, in 8-bit steps.</summary>
/// <param name="R">Standard deviation of red; finite and above 0.</param>
/// <param name="G">Standard deviation of green; finite and above 0.</param>
/// <param name="B">Standard deviation of blue; finite and above 0.</param>
public readonly record struct CrfColorDeviation(float R, float G, float B);

/// <summary>
/// One pairwise kernel exp(−|fᵢ − fⱼ|²/2), where a feature f is a pixel's position, or its position and colour.
/// </summary>
/// <remarks>
/// The deviations of the axes may differ. They are in pixels: an image of twice the width and height needs deviations
/// twice as large.
/// </remarks>
public sealed record CrfKernel
{
    /// <summary>Standard deviation in x, in pixels; finite and above 0.</summary>
    public required float Sx { get; init; }

    /// <summary>Standard deviation in y, in pixels; finite and above 0.</summary>
    public required float Sy { get; init; }

    /// <summary>Standard deviations of the colour. Null: the kernel compares positions only.</summary>
    public CrfColorDeviation? Rgb { get; init; }

    /// <summary>The normalisation of messages.</summary>
    public CrfNormalization Normalization { get; init; } = CrfNormalization.Symmetric;

    /// <summary>How messages become energy.</summary>
    public required CrfCompatibility Compatibility { get; init; }

    /// <summary>The smoothness kernel with a Potts weight: neighbouring pixels take the same label.</summary>
    /// <param name="weight">Weight, in nats; 0 or more to smooth.</param>
    /// <param name="xy">Standard deviation of the position, in pixels.</param>
    public static CrfKernel Gaussian(float weight, float xy) =>
        new() { Sx = xy, Sy = xy, Compatibility = CrfCompatibility.Potts(weight) };

    /// <summary>
    /// The appearance kernel with a Potts weight: neighbouring pixels of similar colour take the same label.
    /// </summary>
    /// <param name="weight">Weight, in nats; 0 or more to smooth.</param>
    /// <param name="xy">Standard deviation of the position, in pixels.</param>
    /// <param name="rgb">Standard deviation of each colour, in 8-bit steps.</param>
    public static CrfKernel Bilateral(float weight, float xy, float rgb) =>
        new() { Sx = xy, Sy = xy, Rgb = new(rgb, rgb, rgb), Compatibility = CrfCompatibility.Potts(weight) };

    /// <summary>Number of features of a pixel: 2 or 5.</summary>
    internal int Dimensions
    {
        get
        {
            if (Rgb is null)
            {
                return 2;
            }

            return 5;
        }
    }

    internal void Check(int labels)
    {
        CheckDeviation(Sx);
        CheckDeviation(Sy);
        if (Rgb is { } rgb)
        {
            CheckDeviation(rgb.R);
            CheckDeviation(rgb.G);
            CheckDeviation(rgb.B);
        }

        ArgumentNullException.ThrowIfNull(Compatibility);
        Compatibility.Check(labels);
        if (!Enum.IsDefined(Normalization))
        {
            throw new ArgumentException($"Expected a normalisation, got {Normalization}.");
        }
    }

    private static void CheckDeviation(float deviation)
    {
        if (!(deviation > 0) || !float.IsFinite(deviation))
        {
            throw new ArgumentException($"Expected a finite standard deviation above 0, got {deviation}.");
        }
    }
}
