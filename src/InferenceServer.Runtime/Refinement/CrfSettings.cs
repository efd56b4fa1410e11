using System.Globalization;
using System.Text.Json.Serialization;
using DenseCrf;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Refinement;

/// <summary>The CRF overrides of a request; null keeps the setting of the model's manifest.</summary>
public sealed record CrfOverrides
{
    /// <summary>Mean-field iterations.</summary>
    public int? Iterations { get; init; }

    /// <summary>Weight of the smoothness kernel; 0 switches the kernel off.</summary>
    public float? GaussianWeight { get; init; }

    /// <summary>Standard deviation of the smoothness kernel, in pixels of the image.</summary>
    public float? GaussianXy { get; init; }

    /// <summary>Weight of the appearance kernel; 0 switches the kernel off.</summary>
    public float? BilateralWeight { get; init; }

    /// <summary>Standard deviation of the appearance kernel's position, in pixels of the image.</summary>
    public float? BilateralXy { get; init; }

    /// <summary>Standard deviation of the appearance kernel's colour, in 8-bit steps.</summary>
    public float? BilateralRgb { get; init; }

    /// <summary>Exact, or the faster approximation.</summary>
    public CrfQuality? Quality { get; init; }

    /// <summary>Whether a parameter of the two usual kernels is among them.</summary>
    internal bool HasKernels => this with { Iterations = null, Quality = null } != new CrfOverrides();
}

/// <summary>The parameters of one refinement: the manifest's settings with the request's overrides.</summary>
/// <param name="Iterations">Mean-field iterations.</param>
/// <param name="Gaussian">The smoothness kernel.</param>
/// <param name="Bilateral">The appearance kernel.</param>
/// <param name="Quality">Exact, or the faster approximation.</param>
internal sealed record CrfSettings(int Iterations, KernelManifest Gaussian, KernelManifest Bilateral, CrfQuality Quality)
{
    /// <summary>Kernels in place of the two; null takes the two.</summary>
    [JsonIgnore]
    public IReadOnlyList<CrfKernel>? OwnKernels { get; init; }

    /// <summary>Whether the scores are energies in nats instead of probabilities.</summary>
    [JsonIgnore]
    public bool FromEnergies { get; init; }

    // DeepLab v2's settings for Pascal VOC, where a manifest has no settings.
    private static readonly KernelManifest DefaultGaussian = new() { Weight = 3, Xy = 1 };
    private static readonly KernelManifest DefaultBilateral = new() { Weight = 4, Xy = 67, Rgb = 3 };

    /// <summary>The settings where neither a manifest nor a request has any.</summary>
    public static CrfSettings Usual => Create(manifest: null, new CrfOverrides());

    /// <summary>Applies a request's overrides to a manifest.</summary>
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

    /// <summary>The parameters in the notation of papers: <c>5 iterations, Gaussian 3/1, bilateral
    /// 4/67/3</c>.</summary>
    public override string ToString()
    {
        string gaussian = Gaussian.Weight > 0 ? FormattableString.Invariant($", Gaussian {Gaussian.Weight}/{Gaussian.Xy}") : "";
        string bilateral = Bilateral.Weight > 0
            ? string.Create(
                CultureInfo.InvariantCulture, $", bilateral {Bilateral.Weight}/{Bilateral.Xy}/{Bilateral.Rgb}")
            : "";
        return $"{Iterations} iterations{gaussian}{bilateral}{(Quality == CrfQuality.Fast ? ", fast" : "")}";
    }

    /// <summary>The request's own kernels, or those of the two with a weight above 0.</summary>
    public IReadOnlyList<CrfKernel> Kernels()
    {
        if (OwnKernels is not null)
        {
            return OwnKernels;
        }

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
