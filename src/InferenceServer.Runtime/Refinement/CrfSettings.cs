using System.Globalization;

using DenseCrf;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Refinement;

/// <summary>What a request wants of the CRF instead of what the model's manifest says; null keeps that.</summary>
public sealed record CrfOverrides
{
    /// <summary>Mean-field iterations.</summary>
    public int? Iterations { get; init; }

    /// <summary>Weight of the smoothness kernel; 0 leaves it out.</summary>
    public float? GaussianWeight { get; init; }

    /// <summary>Its standard deviation in pixels of the image.</summary>
    public float? GaussianXy { get; init; }

    /// <summary>Weight of the appearance kernel; 0 leaves it out.</summary>
    public float? BilateralWeight { get; init; }

    /// <summary>Its standard deviation in pixels of the image.</summary>
    public float? BilateralXy { get; init; }

    /// <summary>Its standard deviation in 8-bit steps of colour.</summary>
    public float? BilateralRgb { get; init; }

    /// <summary>Exact, or the faster approximation.</summary>
    public CrfQuality? Quality { get; init; }
}

/// <summary>The parameters of one refinement: the manifest's, with a request's in their place.</summary>
/// <param name="Iterations">Mean-field iterations.</param>
/// <param name="Gaussian">The smoothness kernel.</param>
/// <param name="Bilateral">The appearance kernel.</param>
/// <param name="Quality">Exact, or the faster approximation.</param>
internal sealed record CrfSettings(int Iterations, KernelManifest Gaussian, KernelManifest Bilateral, CrfQuality Quality)
{
    // DeepLab v2's settings for Pascal VOC, where a manifest has none.
    private static readonly KernelManifest DefaultGaussian = new() { Weight = 3, Xy = 1 };
    private static readonly KernelManifest DefaultBilateral = new() { Weight = 4, Xy = 67, Rgb = 3 };

    /// <summary>Puts a request's wishes over a manifest.</summary>
    public static CrfSettings Create(CrfManifest? manifest, CrfOverrides wanted)
    {
        KernelManifest gaussian = manifest?.Gaussian ?? DefaultGaussian;
        KernelManifest bilateral = manifest?.Bilateral ?? DefaultBilateral;
        return new CrfSettings(
            wanted.Iterations ?? manifest?.Iterations ?? new CrfManifest().Iterations,
            gaussian with { Weight = wanted.GaussianWeight ?? gaussian.Weight, Xy = wanted.GaussianXy ?? gaussian.Xy },
            bilateral with
            {
                Weight = wanted.BilateralWeight ?? bilateral.Weight,
                Xy = wanted.BilateralXy ?? bilateral.Xy,
                Rgb = wanted.BilateralRgb ?? bilateral.Rgb ?? DefaultBilateral.Rgb,
            },
            wanted.Quality ?? CrfQuality.Exact);
    }

    /// <summary>The parameters as papers write them: <c>5 iterations, Gaussian 3/1, bilateral 4/67/3</c>.</summary>
    public override string ToString()
    {
        string gaussian = Gaussian.Weight > 0 ? FormattableString.Invariant($", Gaussian {Gaussian.Weight}/{Gaussian.Xy}") : "";
        string bilateral = Bilateral.Weight > 0
            ? string.Create(
                CultureInfo.InvariantCulture, $", bilateral {Bilateral.Weight}/{Bilateral.Xy}/{Bilateral.Rgb}")
            : "";
        return $"{Iterations} iterations{gaussian}{bilateral}{(Quality == CrfQuality.Fast ? ", fast" : "")}";
    }

    /// <summary>The kernels that have a weight.</summary>
    public IReadOnlyList<CrfKernel> Kernels()
    {
        List<CrfKernel> kernels = [];
        if (Gaussian.Weight > 0)
        {
            kernels.Add(CrfKernel.Gaussian(Gaussian.Weight, Gaussian.Xy));
        }

        if (Bilateral.Weight > 0)
        {
            kernels.Add(CrfKernel.Bilateral(Bilateral.Weight, Bilateral.Xy, Bilateral.Rgb!.Value));
        }

        return kernels;
    }
}
