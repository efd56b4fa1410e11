using System.Buffers;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Formats;

/// <summary>An output format: a row of the table <see cref="All"/>, which alone names the formats.</summary>
/// <remarks>The query parser, OpenAPI, the command line and the playground read the table; tests compare the client
/// and the docs with it.</remarks>
public sealed class MaskFormat
{
    internal MaskFormat(string name, string mediaType, string extension, IMaskEncoder encoder, string description) =>
        (Name, MediaType, Extension, Encoder, Description) = (name, mediaType, extension, encoder, description);

    /// <summary>Indexed PNG, the default.</summary>
    public static MaskFormat Png { get; } = new(
        "png", "image/png", ".png", new IndexedPngEncoder(),
        "indexed PNG: class indices, with the class colours as palette; 16-bit grey with more than 256 classes")
    {
        Accept = ["image/png", "image/*", "*/*"],
    };

    /// <summary>The image with the class colours blended over it, as PNG.</summary>
    public static MaskFormat Overlay { get; } = new(
        "overlay", "image/png", ".png", new OverlayEncoder(jpeg: false),
        "the class colours blended over the image, as PNG")
    {
        UsesImage = true,
    };

    /// <summary>The image with the class colours blended over it, as JPEG.</summary>
    public static MaskFormat OverlayJpeg { get; } = new(
        "overlay-jpeg", "image/jpeg", ".jpg", new OverlayEncoder(jpeg: true),
        "the class colours blended over the image, as JPEG")
    {
        Accept = ["image/jpeg"],
        UsesImage = true,
    };

    /// <summary>RGB PNG of the class colours.</summary>
    public static MaskFormat Color { get; } = new("color", "image/png", ".png", new ColorPngEncoder(), "RGB PNG of the class colours");

    /// <summary>Class indices, without a header.</summary>
    public static MaskFormat Raw { get; } = new(
        "raw", "application/octet-stream", ".raw", new RawEncoder(),
        "class indices, row by row: one byte for each pixel, or two with more than 256 classes")
    {
        Accept = ["application/octet-stream"],
    };

    /// <summary>A summary of each class in the mask.</summary>
    public static MaskFormat Json { get; } = new(
        "json", "application/json", ".json", new SummaryJsonEncoder(),
        "index, name, colour, pixel count, share and bounding box of each class that occurs")
    {
        Accept = ["application/json"],
        UsesPlanes = true,
    };

    /// <summary>Grey PNG of confidences.</summary>
    public static MaskFormat Confidence { get; } = new(
        "confidence", "image/png", ".png", new ConfidencePngEncoder(),
        "grey PNG: the probability of each pixel's class × 255")
    {
        NeedsConfidence = true,
    };

    /// <summary>COCO, run-length encoded.</summary>
    public static MaskFormat CocoRle { get; } = new(
        "coco-rle", "application/json", ".json", new CocoRleEncoder(),
        "a COCO data set of one image with a run-length encoded mask for each class")
    {
        UsesPlanes = true,
    };

    /// <summary>Outlines in pixels.</summary>
    public static MaskFormat Polygons { get; } = new(
        "polygons", "application/json", ".json", new PolygonsEncoder(),
        "the summary and the outlines of each class in pixels, with holes")
    {
        UsesPlanes = true,
    };

    /// <summary>GeoJSON.</summary>
    public static MaskFormat GeoJson { get; } = new(
        "geojson", "application/geo+json", ".geojson", new GeoJsonEncoder(),
        "a GeoJSON feature for each class, in pixels or in map coordinates")
    {
        Accept = ["application/geo+json"],
        UsesPlanes = true,
    };

    /// <summary>GeoTIFF of class indices.</summary>
    public static MaskFormat GeoTiff { get; } = new(
        "geotiff", "image/tiff; application=geotiff", ".tif", new GeoTiffEncoder(withOverviews: false),
        "GeoTIFF of class indices, with the image's georeference, the class colours as palette, and the class names")
    {
        Accept = ["image/tiff"],
        TakesConfidence = true,
    };

    /// <summary>Cloud-Optimised GeoTIFF of class indices.</summary>
    public static MaskFormat Cog { get; } = new(
        "cog", "image/tiff; application=geotiff; profile=cloud-optimized", ".tif", new GeoTiffEncoder(withOverviews: true),
        "Cloud-Optimised GeoTIFF: the content of geotiff with overviews by majority")
    {
        TakesConfidence = true,
    };

    /// <summary>GeoPackage of outlines.</summary>
    public static MaskFormat GeoPackage { get; } = new(
        "gpkg", "application/geopackage+sqlite3", ".gpkg", new GeoPackageEncoder(),
        "GeoPackage: a layer with a polygon for each connected part, its class, area and mean confidence, in the image's own " +
        "coordinate reference system")
    {
        Accept = ["application/geopackage+sqlite3"],
        UsesConfidence = true,
        UsesPlanes = true,
    };

    /// <summary>A black and white PNG for each class.</summary>
    public static MaskFormat Masks { get; } = new(
        "masks", "application/zip", ".zip", new MasksZipEncoder(),
        "a zip with a black and white PNG for each class that occurs")
    {
        Accept = ["application/zip"],
        UsesPlanes = true,
    };

    /// <summary>Class indices as a NumPy array.</summary>
    public static MaskFormat Npy { get; } = new(
        "npy", NpyHeader.ContentType, ".npy", new NpyLabelsEncoder(),
        "NumPy array of class indices, HW, uint8, or uint16 with more than 256 classes; CHW of 0 and 1 where classes overlap")
    {
        Accept = [NpyHeader.ContentType],
        UsesPlanes = true,
    };

    /// <summary>Probabilities as a NumPy array.</summary>
    public static MaskFormat NpyProbabilities { get; } = new(
        "npy-probabilities", NpyHeader.ContentType, ".npy", new NpyProbabilitiesEncoder(),
        "NumPy array of the network's probabilities, CHW, float32")
    {
        NeedsProbabilities = true,
    };

    /// <summary>Grey PNG of the object's probability.</summary>
    public static MaskFormat AlphaMatte { get; } = new(
        "alpha", "image/png", ".png", new AlphaPngEncoder(),
        "grey PNG of the second of two classes' probability, 8 or 16 bits")
    {
        NeedsProbabilities = true,
    };

    /// <summary>The object without its background.</summary>
    public static MaskFormat Cutout { get; } = new(
        "cutout", "image/png", ".png", new CutoutEncoder(),
        "the image as RGBA PNG with the second of two classes' probability as alpha, or over a background")
    {
        NeedsProbabilities = true,
        UsesImage = true,
        TakesBackground = true,
    };

    /// <summary>Grey PNG of one class's probability.</summary>
    public static MaskFormat Probability { get; } = new(
        "probability", "image/png", ".png", new ProbabilityPngEncoder(),
        "grey PNG of the probability of the class that the parameter class names, 8 or 16 bits")
    {
        NeedsProbabilities = true,
    };

    /// <summary>The image as people see it.</summary>
    public static MaskFormat View { get; } = new(
        "view", "image/png", ".png", new ViewEncoder(),
        "RGB PNG of the image itself as people see it: upright, 8 bits, by preprocess.view for a network of bands; no mask")
    {
        NeedsMask = false,
        UsesImage = true,
    };

    /// <summary>All formats; the default is the first.</summary>
    public static IReadOnlyList<MaskFormat> All { get; } =
    [
        Png, Overlay, OverlayJpeg, Color, Raw, Json, Confidence, CocoRle, Polygons, GeoJson, GeoTiff, Cog, GeoPackage, Masks,
        Npy, NpyProbabilities, AlphaMatte, Cutout, Probability, View,
    ];

    /// <summary>The word that requests use, for instance <c>coco-rle</c>.</summary>
    public string Name { get; }

    /// <summary>Media type of the bytes.</summary>
    public string MediaType { get; }

    /// <summary>Extension of a file that holds the bytes, with its dot.</summary>
    public string Extension { get; }

    /// <summary>Description of the bytes, for users.</summary>
    public string Description { get; }

    /// <summary>Writes the bytes.</summary>
    internal IMaskEncoder Encoder { get; }

    /// <summary>Media types of an Accept header that choose this format where the request names none.</summary>
    internal IReadOnlyList<string> Accept { get; init; } = [];

    /// <summary>Whether the encoder needs the mask; else the network does not run.</summary>
    internal bool NeedsMask { get; init; } = true;

    /// <summary>Whether the encoder needs <see cref="MaskContent.Confidence"/>; a model without scores is an
    /// error.</summary>
    internal bool NeedsConfidence { get; init; }

    /// <summary>Whether the encoder needs <see cref="MaskContent.Confidence"/> where the request asks for
    /// <see cref="FormatSettings.Confidence"/>.</summary>
    internal bool TakesConfidence { get; init; }

    /// <summary>Whether the encoder uses <see cref="MaskContent.Confidence"/> where the model has scores; a model
    /// without scores is no error.</summary>
    internal bool UsesConfidence { get; init; }

    /// <summary>Whether the encoder needs <see cref="MaskContent.Probabilities"/>; a model without scores is an
    /// error.</summary>
    internal bool NeedsProbabilities { get; init; }

    /// <summary>Whether the encoder uses <see cref="MaskContent.Image"/>.</summary>
    internal bool UsesImage { get; init; }

    /// <summary>Whether the encoder uses <see cref="MaskContent.Background"/>.</summary>
    internal bool TakesBackground { get; init; }

    /// <summary>Whether the encoder uses <see cref="MaskContent.Planes"/>.</summary>
    internal bool UsesPlanes { get; init; }

    /// <summary>The format of a name; null for an unknown name.</summary>
    public static MaskFormat? Find(string name) => All.FirstOrDefault(format => format.Name == name);

    /// <summary>The name.</summary>
    public override string ToString() => Name;
}

/// <summary>An encoder of masks in one format.</summary>
internal interface IMaskEncoder
{
    /// <summary>Checks, before the network runs, what is known of the image by then.</summary>
    /// <param name="geo">The georeference of the image's file; null where it has none.</param>
    /// <param name="options">The request's settings.</param>
    /// <exception cref="SegmentationException">The format cannot represent masks of this image.</exception>
    void Check(GeoTags? geo, FormatSettings options)
    {
    }

    /// <summary>What encoding takes at most; counted before the network runs.</summary>
    /// <param name="mask">What is known of the mask by then.</param>
    /// <param name="options">The request's settings.</param>
    EncodingBytes Bytes(in MaskExtent mask, FormatSettings options);

    /// <summary>Whether the answer is memory of the mask, which the encoder hands over to an output that takes it.</summary>
    bool HandsOver => false;

    /// <summary>Writes the whole mask.</summary>
    /// <param name="content">The mask, its classes and its image.</param>
    /// <param name="options">The request's settings; a format ignores settings that it does not use.</param>
    /// <param name="output">Receives the bytes.</param>
    /// <exception cref="SegmentationException">The format cannot represent this mask.</exception>
    void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output);

    /// <summary>Checks, before the image is decoded, that the format can represent masks of a model.</summary>
    /// <param name="classes">The model's classes.</param>
    /// <param name="overlap">Whether a pixel may have several classes.</param>
    /// <param name="options">The request's settings.</param>
    /// <exception cref="SegmentationException">The format cannot represent masks of these classes.</exception>
    void Check(ClassTable classes, bool overlap, FormatSettings options)
    {
    }
}

/// <summary>What is known of a mask before the network runs.</summary>
/// <param name="Pixels">Width × height.</param>
/// <param name="Classes">Channels of scores.</param>
/// <param name="LabelBytes">Bytes of a label.</param>
/// <param name="Overlaps">Whether a pixel may have several classes, each of which has a plane of its own.</param>
internal readonly record struct MaskExtent(long Pixels, int Classes, int LabelBytes, bool Overlaps);

/// <summary>Bytes that encoding takes beside the mask and its image.</summary>
/// <param name="Buffers">The encoder's own buffers. What depends on the mask's shapes is not among them: encoders claim it
/// with <see cref="MaskContent.Claim"/>.</param>
/// <param name="Answer">The answer of the most irregular mask; it may be larger, but then it claims more while it
/// grows.</param>
/// <param name="IsWhole">Whether the answer's buffer is made at once. One that grows is in memory twice.</param>
internal readonly record struct EncodingBytes(long Buffers, long Answer, bool IsWhole = false)
{
    /// <summary>An answer of a few kilobytes, or one whose size the mask's shapes decide.</summary>
    public static EncodingBytes Few { get; }

    /// <summary>Bytes at once.</summary>
    public long Total
    {
        get
        {
            if (IsWhole)
            {
                return Buffers + Answer;
            }

            return Buffers + (2 * Answer);
        }
    }
}

/// <summary>The input of an encoder: the label map, its scores, the classes and the image.</summary>
internal sealed record MaskContent
{
    /// <summary>Name of the model that made the mask.</summary>
    public required string Model { get; init; }

    /// <summary>Version of the model that made the mask.</summary>
    public required int Version { get; init; }

    /// <summary>Names and colours of the classes.</summary>
    public required ClassTable Classes { get; init; }

    /// <summary>Number of channels in <see cref="Probabilities"/>.</summary>
    public required int Channels { get; init; }

    /// <summary>Whether an answer of scores has those of the second of two classes alone.</summary>
    public bool IsForegroundOnly { get; init; }

    /// <summary>Size of the mask and of the upright image.</summary>
    public required ImageSize Size { get; init; }

    /// <summary>HW: the class index of each pixel; empty where the model has more than 256 classes.</summary>
    public required ReadOnlyMemory<byte> Labels { get; init; }

    /// <summary>HW: the class index of each pixel, where the model has more than 256 classes; else empty.</summary>
    public ReadOnlyMemory<ushort> WideLabels { get; init; }

    /// <summary>CHW: 1 where a class claims a pixel, else 0, where the classes may overlap and the format uses <see
    /// cref="Planes"/>; else empty.</summary>
    public ReadOnlyMemory<byte> Claims { get; init; }

    /// <summary>The pixels of each class that occurs; empty where the format does not use them.</summary>
    public required IReadOnlyList<LabelPlane> Planes { get; init; }

    /// <summary>HW: the probability of each pixel's class × 255. Empty where the request does not need
    /// confidences.</summary>
    public required ReadOnlyMemory<byte> Confidence { get; init; }

    /// <summary>CHW: the probability of each class at each pixel. Empty where the request does not need
    /// probabilities.</summary>
    public required ReadOnlyMemory<float> Probabilities { get; init; }

    /// <summary>Hands the probabilities over to the caller, who disposes them; nothing of them is read afterwards. Null where
    /// there is no mask.</summary>
    public Func<PooledBuffer<float>>? TakeProbabilities { get; init; }

    /// <summary>HW: the probability of one class at each pixel.</summary>
    public ReadOnlySpan<float> Plane(int index) => Probabilities.Span.Slice(index * (int)Size.Pixels, (int)Size.Pixels);

    /// <summary>HWC, RGB: the decoded, upright image; may be empty where the format does not use it.</summary>
    public required ReadOnlyMemory<byte> Image { get; init; }

    /// <summary>HWC, RGB, at the mask's size: the image behind a cutout; empty where the request has none.</summary>
    public ReadOnlyMemory<byte> Background { get; init; }

    /// <summary>Claims memory whose amount the mask's shapes decide, before it is taken; called with bytes.</summary>
    public Action<long> Claim { get; init; } = static _ => { };

    /// <summary>The georeference of the image's file; null where it has none.</summary>
    public GeoTags? Geo { get; init; }

    /// <summary>Where the image lies on the map; null where neither the file nor the request says.</summary>
    public Georeference? Georeference { get; init; }
}
