namespace InferenceServer.Runtime.Formats;

/// <summary>What a caller can choose about the answer's bytes.</summary>
/// <param name="Format">The format.</param>
/// <param name="Alpha">Opacity of the colours over the photograph, 0 to 1; only for overlays.</param>
public readonly record struct EncodingParameters(MaskFormat Format, float Alpha = 0.5f)
{
    /// <summary>Whether the lengths of runs are written as numbers instead of COCO's compressed text; only for COCO.</summary>
    public bool Uncompressed { get; init; }

    /// <summary>How far, in pixels, a corner that is left out may lie from the line that takes its place, 0 to 1000; 0 keeps the outlines of the pixels. Only for polygons and GeoJSON.</summary>
    public double Tolerance { get; init; }

    /// <summary>From pixels to the coordinates of GeoJSON; pixels where null.</summary>
    public Geotransform? Geotransform { get; init; }

    /// <summary>Whether the request has to ask for confidences.</summary>
    public bool NeedsConfidence => Format == MaskFormat.Confidence;

    /// <summary>Whether the request has to ask for probabilities.</summary>
    public bool NeedsProbabilities => Format == MaskFormat.NpyProbabilities;
}
