namespace InferenceServer.Runtime.Formats;

/// <summary>What a caller can have the result as.</summary>
public enum MaskFormat
{
    /// <summary>Indexed PNG: pixels are class indices, the palette holds the classes' colours.</summary>
    Png,

    /// <summary>The photograph with the classes' colours blended over it, as PNG.</summary>
    Overlay,

    /// <summary>The same as JPEG.</summary>
    OverlayJpeg,

    /// <summary>RGB PNG of the classes' colours.</summary>
    Color,

    /// <summary>One byte a pixel, row by row, without a header.</summary>
    Raw,

    /// <summary>For each class that occurs: index, name, colour, pixel count, share and bounding box.</summary>
    Json,

    /// <summary>Grey PNG of the winning class's probability × 255.</summary>
    Confidence,

    /// <summary>A COCO data set of one image, with a run-length encoded mask for each class that occurs.</summary>
    CocoRle,

    /// <summary>What <see cref="Json"/> tells, and the outlines of each class in pixels.</summary>
    Polygons,

    /// <summary>A GeoJSON feature for each class that occurs.</summary>
    GeoJson,

    /// <summary>A zip of one black and white PNG for each class that occurs.</summary>
    Masks,

    /// <summary>Class indices as a NumPy array, HW, uint8.</summary>
    Npy,

    /// <summary>The network's probability of every class as a NumPy array, CHW, float32.</summary>
    NpyProbabilities,
}
