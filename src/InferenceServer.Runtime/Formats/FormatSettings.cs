namespace InferenceServer.Runtime.Formats;

/// <summary>Choices about the bytes of an output format.</summary>
public sealed record FormatSettings
{
    /// <summary>The defaults.</summary>
    public static FormatSettings Default { get; } = new();

    /// <summary>Opacity of the class colours over the image, 0 to 1. Used by the overlay formats. Default
    /// 0.5.</summary>
    public float Alpha { get; init; } = 0.5f;

    /// <summary>True: run lengths are numbers. False (the default): run lengths are COCO's compressed text. Used by
    /// <c>coco-rle</c>.</summary>
    public bool Uncompressed { get; init; }

    /// <summary>Whether the file has the confidence of each pixel, too. Used by <c>geotiff</c> and
    /// <c>cog</c>.</summary>
    public bool Confidence { get; init; }

    /// <summary>
    /// Largest distance, in pixels, between a corner that is left out of an outline and the line that replaces it, 0 to
    /// 1000.
    /// 0 (the default) keeps the outlines of the pixels. Used by <c>polygons</c>, <c>geojson</c> and <c>gpkg</c>.
    /// </summary>
    public double Tolerance { get; init; }

    /// <summary>Maps pixel corners to coordinates, in place of the image's own georeference. Null: that of the image. Used
    /// by <c>geojson</c>, <c>geotiff</c>, <c>cog</c> and <c>gpkg</c>.</summary>
    public Geotransform? Geotransform { get; init; }

    /// <summary>Bits of a sample, 8 (the default) or 16. Used by <c>alpha</c> and <c>probability</c>.</summary>
    public int Bits { get; init; } = 8;

    /// <summary>Name or index of a class. Used by <c>probability</c>.</summary>
    public string? Class { get; init; }

    /// <summary>The colour behind the object. Null (the default): transparent. Used by <c>cutout</c>.</summary>
    public (byte Red, byte Green, byte Blue)? Background { get; init; }

    /// <summary>The bytes of an encoded image behind the object, in place of a colour; they may not change before the mask is
    /// there. Its largest central part that has the segmented image's aspect ratio is resized to that image's size. Empty (the
    /// default): none. Only <c>cutout</c> takes one; other formats are refused.</summary>
    public ReadOnlyMemory<byte> BackgroundImage { get; init; }
}
