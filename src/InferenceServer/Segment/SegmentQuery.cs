using System.ComponentModel;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Refinement;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Segment;

/// <summary>What a caller can ask for beside the image. All of it is text, because what the framework cannot bind becomes an answer without a reason.</summary>
internal readonly record struct SegmentQuery
{
    [FromQuery(Name = "format")]
    [Description("png (indexed, the default), overlay, overlay-jpeg, color, raw, json, confidence, coco-rle, polygons, geojson, masks (zip), npy or npy-probabilities; without it the Accept header decides.")]
    public string? Format { get; init; }

    [FromQuery(Name = "alpha")]
    [Description("Opacity of the colours over the photograph, 0 to 1; for overlays. Default 0.5.")]
    public string? Alpha { get; init; }

    [FromQuery(Name = "counts")]
    [Description("How coco-rle writes lengths of runs: compressed (COCO's text, the default) or uncompressed (numbers).")]
    public string? Counts { get; init; }

    [FromQuery(Name = "tolerance")]
    [Description("How far, in pixels, a corner that polygons or geojson leave out may lie from the line that takes its place, 0 to 1000. Default 0: the outlines of the pixels.")]
    public string? Tolerance { get; init; }

    [FromQuery(Name = "geotransform")]
    [Description("Six numbers, in GDAL's order: coordinates of geojson instead of pixels.")]
    public string? Geotransform { get; init; }

    [FromQuery(Name = "worldfile")]
    [Description("The same as the six numbers of a world file, whose last two are the middle of the upper left pixel.")]
    public string? WorldFile { get; init; }

    [FromQuery(Name = "timeout")]
    [Description("Milliseconds that the answer may take, all in all; the server's own limit and the header X-Request-Timeout-Ms hold as well.")]
    public string? Timeout { get; init; }

    [FromQuery(Name = "priority")]
    [Description("interactive (the default), or batch for bulk work, which waits for people; the header X-Priority says the same.")]
    public string? Priority { get; init; }

    [FromQuery(Name = "mode")]
    [Description("whole runs the photograph in one piece, slide in tiles that overlap; the default is the model's.")]
    public string? Mode { get; init; }

    [FromQuery(Name = "resize")]
    [Description("model resizes the photograph as the manifest says (the default), none lets the network see it at its own size.")]
    public string? Resize { get; init; }

    [FromQuery(Name = "crop")]
    [Description("Size of a tile of slide: a side in pixels, or WIDTHxHEIGHT; brought to the next size that the network takes.")]
    public string? Crop { get; init; }

    [FromQuery(Name = "stride_rate")]
    [Description("Distance of tiles as a share of the crop, above 0 to 1.")]
    public string? StrideRate { get; init; }

    [FromQuery(Name = "scales")]
    [Description("Factors on the size that the network sees the photograph at, for instance 0.75,1,1.25; one pass for each, and all are fused.")]
    public string? Scales { get; init; }

    [FromQuery(Name = "flip")]
    [Description("true runs the mirrored photograph, too, and fuses both.")]
    public string? Flip { get; init; }

    [FromQuery(Name = "fuse")]
    [Description("How passes become one: mean_softmax, sum_logits or max_logits.")]
    public string? Fuse { get; init; }

    [FromQuery(Name = "refine")]
    [Description("crf sharpens the mask with a fully connected CRF, none does not; the default is the model's.")]
    public string? Refine { get; init; }

    [FromQuery(Name = "crf.iterations")]
    [Description("Mean-field iterations of the CRF.")]
    public string? CrfIterations { get; init; }

    [FromQuery(Name = "crf.gaussian.weight")]
    [Description("Weight of the CRF's smoothness kernel; 0 leaves it out.")]
    public string? GaussianWeight { get; init; }

    [FromQuery(Name = "crf.gaussian.xy")]
    [Description("Its standard deviation, in pixels of the photograph.")]
    public string? GaussianXy { get; init; }

    [FromQuery(Name = "crf.bilateral.weight")]
    [Description("Weight of the CRF's appearance kernel; 0 leaves it out.")]
    public string? BilateralWeight { get; init; }

    [FromQuery(Name = "crf.bilateral.xy")]
    [Description("Its standard deviation, in pixels of the photograph.")]
    public string? BilateralXy { get; init; }

    [FromQuery(Name = "crf.bilateral.rgb")]
    [Description("Its standard deviation, in 8-bit steps of colour.")]
    public string? BilateralRgb { get; init; }

    [FromQuery(Name = "crf.quality")]
    [Description("exact, or fast: an approximation.")]
    public string? CrfQuality { get; init; }

    /// <summary>What is asked for, read and found right as far as that can be told without a model.</summary>
    /// <param name="request">The request, whose Accept header counts where no format is named.</param>
    /// <exception cref="SegmentationException">A parameter is unknown, or out of its range.</exception>
    public SegmentSettings Order(HttpRequest request)
    {
        MaskNegotiation.CheckNames(request);
        return Order(request.GetTypedHeaders().Accept);
    }

    /// <summary>The same for many images, whose request says with its Accept header how they follow each other.</summary>
    /// <param name="request">The request.</param>
    /// <param name="others">Parameters of the query that are no concern of this.</param>
    /// <exception cref="SegmentationException">A parameter is unknown, or out of its range.</exception>
    public SegmentSettings OrderOfMany(HttpRequest request, params ReadOnlySpan<string> others)
    {
        MaskNegotiation.CheckNames(request, others);
        return OrderOfMany();
    }

    /// <inheritdoc cref="OrderOfMany(HttpRequest, ReadOnlySpan{string})"/>
    public SegmentSettings OrderOfMany() => Order([]);

    private SegmentSettings Order(IList<MediaTypeHeaderValue> accept)
    {
        (bool? refine, CrfOverrides crf) = RefinementQuery.Parse(this);
        return new SegmentSettings { Parameters = MaskNegotiation.Parse(this, accept), Inference = InferenceQuery.Parse(this), Refine = refine, Crf = crf };
    }
}
