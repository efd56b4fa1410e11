using System.ComponentModel;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Refinement;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>What a caller can ask for beside the image.</summary>
public readonly record struct SegmentQuery
{
    /// <summary>png (indexed, the default), overlay, overlay-jpeg, color, raw, json, confidence, coco-rle, polygons, geojson, masks (zip), npy or npy-probabilities; without it the Accept header decides.</summary>
    [FromQuery(Name = "format")]
    [Description("png (indexed, the default), overlay, overlay-jpeg, color, raw, json, confidence, coco-rle, polygons, geojson, masks (zip), npy or npy-probabilities; without it the Accept header decides.")]
    public string? Format { get; init; }

    /// <summary>Opacity of the colours over the photograph, 0 to 1; for overlays. Default 0.5.</summary>
    /// <remarks>Text, because what the framework cannot bind becomes an answer without a reason.</remarks>
    [FromQuery(Name = "alpha")]
    [Description("Opacity of the colours over the photograph, 0 to 1; for overlays. Default 0.5.")]
    public string? Alpha { get; init; }

    /// <summary>How coco-rle writes lengths of runs: compressed (COCO's text, the default) or uncompressed (numbers).</summary>
    [FromQuery(Name = "counts")]
    [Description("How coco-rle writes lengths of runs: compressed (COCO's text, the default) or uncompressed (numbers).")]
    public string? Counts { get; init; }

    /// <summary>How far, in pixels, a corner that polygons or geojson leave out may lie from the line that takes its place, 0 to 1000. Default 0: the outlines of the pixels.</summary>
    [FromQuery(Name = "tolerance")]
    [Description("How far, in pixels, a corner that polygons or geojson leave out may lie from the line that takes its place, 0 to 1000. Default 0: the outlines of the pixels.")]
    public string? Tolerance { get; init; }

    /// <summary>Six numbers, in GDAL's order: coordinates of geojson instead of pixels.</summary>
    [FromQuery(Name = "geotransform")]
    [Description("Six numbers, in GDAL's order: coordinates of geojson instead of pixels.")]
    public string? Geotransform { get; init; }

    /// <summary>The same as the six numbers of a world file, whose last two are the middle of the upper left pixel.</summary>
    [FromQuery(Name = "worldfile")]
    [Description("The same as the six numbers of a world file, whose last two are the middle of the upper left pixel.")]
    public string? WorldFile { get; init; }

    /// <summary>Milliseconds that the answer may take, all in all; the server's own limit and the header X-Request-Timeout-Ms hold as well.</summary>
    [FromQuery(Name = "timeout")]
    [Description("Milliseconds that the answer may take, all in all; the server's own limit and the header X-Request-Timeout-Ms hold as well.")]
    public string? Timeout { get; init; }

    /// <summary>interactive (the default), or batch for bulk work, which waits for people; the header X-Priority says the same.</summary>
    [FromQuery(Name = "priority")]
    [Description("interactive (the default), or batch for bulk work, which waits for people; the header X-Priority says the same.")]
    public string? Priority { get; init; }

    /// <summary>whole runs the photograph in one piece, slide in tiles that overlap; the default is the model's.</summary>
    [FromQuery(Name = "mode")]
    [Description("whole runs the photograph in one piece, slide in tiles that overlap; the default is the model's.")]
    public string? Mode { get; init; }

    /// <summary>model resizes the photograph as the manifest says (the default), none lets the network see it at its own size.</summary>
    [FromQuery(Name = "resize")]
    [Description("model resizes the photograph as the manifest says (the default), none lets the network see it at its own size.")]
    public string? Resize { get; init; }

    /// <summary>Size of a tile of slide: a side in pixels, or WIDTHxHEIGHT; brought to the next size that the network takes.</summary>
    [FromQuery(Name = "crop")]
    [Description("Size of a tile of slide: a side in pixels, or WIDTHxHEIGHT; brought to the next size that the network takes.")]
    public string? Crop { get; init; }

    /// <summary>Distance of tiles as a share of the crop, above 0 to 1.</summary>
    [FromQuery(Name = "stride_rate")]
    [Description("Distance of tiles as a share of the crop, above 0 to 1.")]
    public string? StrideRate { get; init; }

    /// <summary>Factors on the size that the network sees the photograph at, for instance 0.75,1,1.25; one pass for each, and all are fused.</summary>
    [FromQuery(Name = "scales")]
    [Description("Factors on the size that the network sees the photograph at, for instance 0.75,1,1.25; one pass for each, and all are fused.")]
    public string? Scales { get; init; }

    /// <summary>true runs the mirrored photograph, too, and fuses both.</summary>
    [FromQuery(Name = "flip")]
    [Description("true runs the mirrored photograph, too, and fuses both.")]
    public string? Flip { get; init; }

    /// <summary>How passes become one: mean_softmax, sum_logits or max_logits.</summary>
    [FromQuery(Name = "fuse")]
    [Description("How passes become one: mean_softmax, sum_logits or max_logits.")]
    public string? Fuse { get; init; }

    /// <summary>crf sharpens the mask with a fully connected CRF, none does not; the default is the model's.</summary>
    [FromQuery(Name = "refine")]
    [Description("crf sharpens the mask with a fully connected CRF, none does not; the default is the model's.")]
    public string? Refine { get; init; }

    /// <summary>Mean-field iterations of the CRF.</summary>
    [FromQuery(Name = "crf.iterations")]
    [Description("Mean-field iterations of the CRF.")]
    public string? CrfIterations { get; init; }

    /// <summary>Weight of the CRF's smoothness kernel; 0 leaves it out.</summary>
    [FromQuery(Name = "crf.gaussian.weight")]
    [Description("Weight of the CRF's smoothness kernel; 0 leaves it out.")]
    public string? GaussianWeight { get; init; }

    /// <summary>Its standard deviation, in pixels of the photograph.</summary>
    [FromQuery(Name = "crf.gaussian.xy")]
    [Description("Its standard deviation, in pixels of the photograph.")]
    public string? GaussianXy { get; init; }

    /// <summary>Weight of the CRF's appearance kernel; 0 leaves it out.</summary>
    [FromQuery(Name = "crf.bilateral.weight")]
    [Description("Weight of the CRF's appearance kernel; 0 leaves it out.")]
    public string? BilateralWeight { get; init; }

    /// <summary>Its standard deviation, in pixels of the photograph.</summary>
    [FromQuery(Name = "crf.bilateral.xy")]
    [Description("Its standard deviation, in pixels of the photograph.")]
    public string? BilateralXy { get; init; }

    /// <summary>Its standard deviation, in 8-bit steps of colour.</summary>
    [FromQuery(Name = "crf.bilateral.rgb")]
    [Description("Its standard deviation, in 8-bit steps of colour.")]
    public string? BilateralRgb { get; init; }

    /// <summary>exact, or fast: an approximation.</summary>
    [FromQuery(Name = "crf.quality")]
    [Description("exact, or fast: an approximation.")]
    public string? CrfQuality { get; init; }

    /// <summary>What is asked for, read and found right as far as that can be told without a model.</summary>
    /// <param name="request">The request, whose Accept header counts where no format is named.</param>
    /// <exception cref="SegmentationException">A parameter is unknown, or out of its range.</exception>
    internal MaskOrder Order(HttpRequest request)
    {
        MaskNegotiation.CheckNames(request);
        return Order(request.GetTypedHeaders().Accept);
    }

    /// <summary>The same for many images, whose request says with its Accept header how they follow each other.</summary>
    /// <param name="request">The request.</param>
    /// <param name="others">Parameters of the query that are no concern of this.</param>
    /// <exception cref="SegmentationException">A parameter is unknown, or out of its range.</exception>
    internal MaskOrder OrderOfMany(HttpRequest request, params ReadOnlySpan<string> others)
    {
        MaskNegotiation.CheckNames(request, others);
        return OrderOfMany();
    }

    /// <inheritdoc cref="OrderOfMany(HttpRequest, ReadOnlySpan{string})"/>
    internal MaskOrder OrderOfMany() => Order([]);

    private MaskOrder Order(IList<MediaTypeHeaderValue> accept)
    {
        (bool? refine, CrfOverrides crf) = RefinementQuery.Parse(this);
        return new MaskOrder { Parameters = MaskNegotiation.Parse(this, accept), Inference = InferenceQuery.Parse(this), Refine = refine, Crf = crf };
    }
}
