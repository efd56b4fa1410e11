using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>One image on its way through the stages. The context owns each buffer that a stage makes, and
/// <see cref="Dispose"/> frees those that are left.</summary>
internal sealed class PipelineContext(AdmittedRequest admitted, SegmentationRequest request) : IDisposable
{
    private RgbImage? _image;
    private BandRows? _bands;
    private PooledBuffer<byte>? _missing;
    private RgbImage? _background;
    private InputTensor? _input;
    private ModelOutput? _output;
    private Mask? _mask;

    public AdmittedRequest Admitted => admitted;

    public SegmentationRequest Request => request;

    public LoadedModel Model => admitted.Model;

    /// <summary>What makes the mask: the model, or the CRF alone.</summary>
    public required MaskOrigin Origin { get; init; }

    public StageTimings Timings => admitted.Timings;

    public CancellationToken Cancellation => admitted.Cancellation;

    /// <summary>Tiles, scales and mirroring: the manifest's, or the request's. Null where no network runs.</summary>
    public PassSettings Passes { get; init; } = null!;

    /// <summary>The CRF's parameters; null where the mask is not refined.</summary>
    public CrfSettings? Crf { get; init; }

    /// <summary>Whether the network runs; else the image alone is the answer.</summary>
    public bool MakesMask => request.Output is null || request.Settings.Format.NeedsMask;

    /// <summary>Whether the result has the probability of each pixel's class.</summary>
    public bool WithConfidence { get; init; }

    /// <summary>Whether the result has the probability of each class at each pixel.</summary>
    public bool WithProbabilities { get; init; }

    /// <summary>Whether the result has the pixels of each class, where classes may overlap.</summary>
    public bool WithClaims { get; init; }

    /// <summary>What the network's output becomes before refinement: probabilities, where a CRF starts from
    /// them.</summary>
    public (bool Confidence, bool Probabilities) Unrefined
    {
        get
        {
            if (Crf is null)
            {
                return (WithConfidence, WithProbabilities);
            }

            return (false, true);
        }
    }

    /// <summary>What refinement makes beside labels: refined probabilities where no network has made others.</summary>
    public (bool Confidence, bool Probabilities) Refined => (WithConfidence, request.Scores is not null && WithProbabilities);

    /// <summary>Size of the image and of its mask; set by decoding.</summary>
    public ImageSize Size { get; set; }

    /// <summary>The runs of the network; set by decoding, which learns the image's size. Null where no network runs.</summary>
    public PassPlan Plan { get; set; } = null!;

    /// <summary>Whether the image is needed beside what the network sees: an encoder, the CRF or the caller uses it.</summary>
    public bool UsesImage => request.WithImage || request.Settings.Format.UsesImage || Crf is not null;

    /// <summary>The decoded image. Unless <see cref="UsesImage"/>, a network of bands has none, and it may be
    /// smaller than the file's.</summary>
    public RgbImage Image
    {
        get => Made(_image);
        set => Replace(ref _image, value);
    }

    /// <summary>The bands that the network sees, in the order of its channels; the image is a view of them. Null where the
    /// network sees colours, and once the network has seen all bands.</summary>
    public BandRows? Bands
    {
        get => _bands;
        set => Replace(ref _bands, value);
    }

    /// <summary>1 for pixels where no band has data, HW; null where they have no label of their own.</summary>
    public PooledBuffer<byte>? Missing
    {
        get => _missing;
        set => Replace(ref _missing, value);
    }

    /// <summary>The image behind a cutout, at the size of the image; null where the request has none.</summary>
    public RgbImage? Background
    {
        get => _background;
        set => Replace(ref _background, value);
    }

    /// <summary>The pixels of the image; empty where there is none.</summary>
    public ReadOnlyMemory<byte> Pixels => _image?.Pixels ?? default;

    /// <summary>Options of the output format, for the part of the image that is segmented; set by decoding.</summary>
    public FormatSettings Options { get; set; } = request.Settings.Options;

    /// <summary>The georeference of the image's file; set by decoding, null where the file has none.</summary>
    public GeoTags? Geo { get; set; }

    /// <summary>Where the image lies on the map; null where neither its file nor the request says.</summary>
    public Georeference? Georeference => Georeference.Of(Geo, Options.Geotransform, Size);

    /// <summary>What is known of the mask once the image's size is.</summary>
    public MaskExtent Extent => new(Size.Pixels, Origin.Channels, Origin.LabelBits / 8, Origin.Overlaps);

    /// <summary>Bytes that are counted for the answer; set by decoding.</summary>
    public long AnswerRoom { get; set; }

    /// <summary>The network's input, where the image runs whole and once.</summary>
    public InputTensor Input
    {
        get => Made(_input);
        set => Replace(ref _input, value);
    }

    /// <summary>The network's output, where the image runs whole and once.</summary>
    public ModelOutput Output
    {
        get => Made(_output);
        set => Replace(ref _output, value);
    }

    /// <summary>The mask; a stage that sets another one replaces it.</summary>
    public Mask Mask
    {
        get => Made(_mask);
        set => Replace(ref _mask, value);
    }

    /// <summary>Frees the input, which the network has read.</summary>
    public void FreeInput() => Replace(ref _input, null);

    /// <summary>Frees the output, which has become a mask.</summary>
    public void FreeOutput() => Replace(ref _output, null);

    /// <summary>Hands the input over.</summary>
    public InputTensor TakeInput() => Take(ref _input);

    /// <summary>Hands image and mask over.</summary>
    public SegmentationResult TakeResult()
    {
        (Mask? mask, RgbImage? image) = (_mask, _image);
        (_mask, _image) = (null, null);
        return new SegmentationResult(admitted.ModelOrNone, image, mask) { Size = Size, Georeference = Georeference };
    }

    public void Dispose()
    {
        _image?.Dispose();
        _bands?.Dispose();
        _missing?.Dispose();
        _background?.Dispose();
        _input?.Dispose();
        _output?.Dispose();
        _mask?.Dispose();
    }

    private static T Made<T>(T? buffer)
        where T : class => buffer ?? throw new InvalidOperationException($"No stage has made the {typeof(T).Name}.");

    private static T Take<T>(ref T? buffer)
        where T : class
    {
        T taken = Made(buffer);
        buffer = null;
        return taken;
    }

    private static void Replace<T>(ref T? buffer, T? next)
        where T : class, IDisposable
    {
        buffer?.Dispose();
        buffer = next;
    }
}

/// <summary>What encoders tell of that which made a mask.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The model's version.</param>
/// <param name="Classes">Names and colours of the classes.</param>
/// <param name="Channels">Number of channels of scores.</param>
/// <param name="LabelBits">Bits of a label.</param>
/// <param name="Overlaps">Whether a pixel may have several classes.</param>
internal sealed record MaskOrigin(string Name, int Version, ClassTable Classes, int Channels, int LabelBits, bool Overlaps)
{
    /// <summary>Whether the scores of the first of two classes are left out of an answer of scores.</summary>
    public bool IsForegroundOnly { get; init; }

    /// <summary>A model.</summary>
    public static MaskOrigin Of(LoadedModel model) => new(
        model.Name, model.Version, model.Classes, model.Postprocessor.Classes, model.Postprocessor.LabelBits,
        model.Postprocessor.IsMultilabel);

    /// <summary>The CRF alone, on scores that came with the image.</summary>
    public static MaskOrigin Of(GivenScores scores, ClassTable classes) =>
        new("dense-crf", 1, classes, scores.Classes, LabelBits: 8, Overlaps: false) { IsForegroundOnly = scores.Planes == 1 };
}
