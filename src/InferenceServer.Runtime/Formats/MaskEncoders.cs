namespace InferenceServer.Runtime.Formats;

/// <summary>The encoder of each format.</summary>
internal static class MaskEncoders
{
    private static readonly IndexedPngEncoder Indexed = new();
    private static readonly OverlayEncoder Overlay = new(jpeg: false);
    private static readonly OverlayEncoder OverlayJpeg = new(jpeg: true);
    private static readonly ColorPngEncoder Color = new();
    private static readonly RawEncoder Raw = new();
    private static readonly SummaryJsonEncoder Json = new();
    private static readonly ConfidencePngEncoder Confidence = new();
    private static readonly CocoRleEncoder CocoRle = new();
    private static readonly PolygonsEncoder Polygons = new();
    private static readonly GeoJsonEncoder GeoJson = new();
    private static readonly MasksZipEncoder Masks = new();
    private static readonly NpyLabelsEncoder Npy = new();
    private static readonly NpyProbabilitiesEncoder NpyProbabilities = new();

    public static IMaskEncoder For(MaskFormat format) => format switch
    {
        MaskFormat.Png => Indexed,
        MaskFormat.Overlay => Overlay,
        MaskFormat.OverlayJpeg => OverlayJpeg,
        MaskFormat.Color => Color,
        MaskFormat.Raw => Raw,
        MaskFormat.Json => Json,
        MaskFormat.Confidence => Confidence,
        MaskFormat.CocoRle => CocoRle,
        MaskFormat.Polygons => Polygons,
        MaskFormat.GeoJson => GeoJson,
        MaskFormat.Masks => Masks,
        MaskFormat.Npy => Npy,
        MaskFormat.NpyProbabilities => NpyProbabilities,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "No such format."),
    };
}
