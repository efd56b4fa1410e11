using System.Buffers;
using DenseCrf;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime;

/// <summary>The values of <see cref="Parameters.RequestParameters"/> for one image. Null keeps the default of the
/// model or of the server.</summary>
public sealed record SegmentSettings
{
    /// <summary>All defaults.</summary>
    public static SegmentSettings Default { get; } = new();

    /// <summary>The output format.</summary>
    public MaskFormat Format { get; init; } = MaskFormat.Png;

    /// <summary>Options of the output format.</summary>
    public FormatSettings Options { get; init; } = FormatSettings.Default;

    /// <summary>Whether the mask needs the probability of each pixel's class.</summary>
    internal bool NeedsConfidence => Format.NeedsConfidence || (Format.TakesConfidence && Options.Confidence);

    /// <summary>Tiles, scales and mirroring that differ from the manifest's.</summary>
    public PassOverrides Passes { get; init; } = PassOverrides.None;

    /// <summary>The part of the image to segment; null takes it whole.</summary>
    public ImageWindow? Window { get; init; }

    /// <summary>Metres on the ground that a pixel of the image covers; null takes them from the image's file.</summary>
    public double? Resolution { get; init; }

    /// <summary>Numbers of the bands that the network sees, from 1; null leaves that to the manifest.</summary>
    public IReadOnlyList<int>? Bands { get; init; }

    /// <summary>Steps from the bands' values to what the network sees, as the parameter <c>value_scaling</c>; null leaves
    /// that to the manifest.</summary>
    public string? ValueScaling { get; init; }

    /// <summary>Whether a fully connected CRF refines the mask; null leaves that to the manifest.</summary>
    public bool? Refine { get; init; }

    /// <summary>CRF parameters that differ from the manifest's.</summary>
    public CrfOverrides Crf { get; init; } = new();

    /// <summary>What scores that come with the image are.</summary>
    internal GivenSettings Given { get; init; } = new();

    /// <summary>Time from the request's arrival to the answer; null takes the server's default.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The request's class; null takes the default, interactive.</summary>
    public Priority? Priority { get; init; }
}

/// <summary>What scores that come with the image are.</summary>
internal sealed record GivenSettings
{
    /// <summary>A built-in data set or a model that has names and colours of the classes; null numbers them.</summary>
    public string? Classes { get; init; }

    /// <summary>Whether an array has energies in nats instead of probabilities.</summary>
    public bool AreEnergies { get; init; }

    /// <summary>The probability that a label of a label map is right; null takes <see cref="GivenScores.UsualConfidence"/>.</summary>
    public float? LabelConfidence { get; init; }
}

/// <summary>One image to segment.</summary>
internal sealed record SegmentationRequest
{
    /// <summary>The bytes of an encoded image. The caller owns them and must not change them before the result is
    /// returned.</summary>
    public required ReadOnlyMemory<byte> Image { get; init; }

    /// <summary>Scores in place of those of a network, for the CRF alone; null runs the network. The caller disposes
    /// them.</summary>
    public GivenScores? Scores { get; init; }

    /// <summary>Kernels of the CRF in place of the two usual ones, beside <see cref="Scores"/>; null takes the
    /// two.</summary>
    public IReadOnlyList<CrfKernel>? Kernels { get; init; }

    /// <summary>Whose lattice the CRF uses and keeps; null for none.</summary>
    public LatticeTicket? Lattice { get; init; }

    /// <summary>The parameters; timeout and priority are those of the admission.</summary>
    public SegmentSettings Settings { get; init; } = SegmentSettings.Default;

    /// <summary>Receives the mask in the settings' format; null encodes nothing.</summary>
    public IBufferWriter<byte>? Output { get; init; }

    /// <summary>Whether the result has the decoded image at its own size, whatever the format needs.</summary>
    public bool WithImage { get; init; }

    /// <summary>Whether the result has the probability of each pixel's class, whatever the format needs.</summary>
    public bool WithConfidence { get; init; }

    /// <summary>Whether the result has the network's probability of each class at each pixel, 4 bytes each; not
    /// together with refinement, which overwrites them.</summary>
    public bool WithProbabilities { get; init; }
}

/// <summary>The mask of one image, and the decoded image. The caller disposes it.</summary>
internal sealed class SegmentationResult : IDisposable
{
    private readonly LoadedModel? _model;
    private readonly RgbImage? _image;
    private readonly Mask? _mask;

    internal SegmentationResult(LoadedModel? model, RgbImage? image, Mask? mask) => (_model, _image, _mask) = (model, image, mask);

    /// <summary>The model that made the mask.</summary>
    /// <exception cref="InvalidOperationException">The scores came with the image.</exception>
    public LoadedModel Model => _model ?? throw new InvalidOperationException("No network ran.");

    /// <summary>Names and colours of the model's classes.</summary>
    public ClassTable Classes => Model.Classes;

    /// <summary>The decoded, upright image, with <see cref="SegmentationRequest.WithImage"/>.</summary>
    /// <exception cref="InvalidOperationException">The request did not ask for the image, and the network does not need
    /// it.</exception>
    public RgbImage Image => _image ?? throw new InvalidOperationException("The image was not made.");

    /// <summary>Size of the image and of its mask.</summary>
    public required ImageSize Size { get; init; }

    /// <summary>Where the image lies on the map; null where neither its file nor the request says.</summary>
    public Georeference? Georeference { get; init; }

    /// <summary>The class of each pixel, at the image's size.</summary>
    /// <exception cref="InvalidOperationException">The request had an output whose format does not need the mask.</exception>
    public Mask Mask => _mask ?? throw new InvalidOperationException("The network did not run.");

    /// <summary>Returns all buffers to the pool.</summary>
    public void Dispose()
    {
        _image?.Dispose();
        _mask?.Dispose();
    }
}
