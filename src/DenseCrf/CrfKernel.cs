namespace DenseCrf;

/// <summary>One pairwise kernel exp(−|fᵢ − fⱼ|²/2) over position, or over position and colour.</summary>
/// <remarks>Deviations may differ between the axes. They are in pixels: an image twice as large needs values twice as large.</remarks>
public sealed record CrfKernel
{
    /// <summary>Standard deviation in x, in pixels; above 0.</summary>
    public required float Sx { get; init; }

    /// <summary>Standard deviation in y, in pixels; above 0.</summary>
    public required float Sy { get; init; }

    /// <summary>Standard deviations of red, green and blue in 8-bit steps, each above 0; null: position alone counts.</summary>
    public CrfColorDeviation? Rgb { get; init; }

    /// <summary>What messages are divided by; symmetric unless set.</summary>
    public CrfNormalization Normalization { get; init; } = CrfNormalization.Symmetric;

    /// <summary>How messages become energy.</summary>
    public required CrfCompatibility Compatibility { get; init; }

    /// <summary>The smoothness kernel with a Potts weight: neighbours agree.</summary>
    /// <param name="weight">In nats; 0 or more for smoothing.</param>
    /// <param name="xy">Standard deviation in pixels.</param>
    public static CrfKernel Gaussian(float weight, float xy) =>
        new() { Sx = xy, Sy = xy, Compatibility = CrfCompatibility.Potts(weight) };

    /// <summary>The appearance kernel with a Potts weight: neighbours of one colour agree.</summary>
    /// <param name="weight">In nats; 0 or more for smoothing.</param>
    /// <param name="xy">Standard deviation in pixels.</param>
    /// <param name="rgb">Standard deviation in 8-bit steps.</param>
    public static CrfKernel Bilateral(float weight, float xy, float rgb) =>
        new() { Sx = xy, Sy = xy, Rgb = new(rgb, rgb, rgb), Compatibility = CrfCompatibility.Potts(weight) };

    /// <summary>Features of a pixel: 2 or 5.</summary>
    internal int Dimensions => Rgb is null ? 2 : 5;

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
            throw new ArgumentException($"{Normalization} is no normalisation.");
        }
    }

    private static void CheckDeviation(float deviation)
    {
        if (!(deviation > 0) || !float.IsFinite(deviation))
        {
            throw new ArgumentException($"A standard deviation must be finite and above 0; {deviation} is not.");
        }
    }
}

/// <summary>Standard deviations of a colour difference, in 8-bit steps.</summary>
/// <param name="R">Of red.</param>
/// <param name="G">Of green.</param>
/// <param name="B">Of blue.</param>
public readonly record struct CrfColorDeviation(float R, float G, float B);

/// <summary>What a kernel divides its filter F by; z = F·1 is the filter's answer to ones.</summary>
public enum CrfNormalization
{
    /// <summary>z^-½ before and after the filter (Krähenbühl and Koltun, ICML 2013): the default.</summary>
    Symmetric,

    /// <summary>1/z before the filter.</summary>
    Before,

    /// <summary>1/z after the filter: the NIPS 2011 code and CRF-as-RNN.</summary>
    After,

    /// <summary>Nothing: messages reach hundreds and saturate the result. For comparison only.</summary>
    None,
}
