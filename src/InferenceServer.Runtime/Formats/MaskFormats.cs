namespace InferenceServer.Runtime.Formats;

/// <summary>What formats are called, and the names of their files.</summary>
public static class MaskFormats
{
    /// <summary>The word for each format and the extension of its file.</summary>
    public static IReadOnlyList<(string Word, MaskFormat Format, string Extension)> All { get; } =
    [
        ("png", MaskFormat.Png, ".png"),
        ("overlay", MaskFormat.Overlay, ".png"),
        ("overlay-jpeg", MaskFormat.OverlayJpeg, ".jpg"),
        ("color", MaskFormat.Color, ".png"),
        ("raw", MaskFormat.Raw, ".raw"),
        ("json", MaskFormat.Json, ".json"),
        ("confidence", MaskFormat.Confidence, ".png"),
        ("coco-rle", MaskFormat.CocoRle, ".json"),
        ("polygons", MaskFormat.Polygons, ".json"),
        ("geojson", MaskFormat.GeoJson, ".geojson"),
        ("masks", MaskFormat.Masks, ".zip"),
        ("npy", MaskFormat.Npy, ".npy"),
        ("npy-probabilities", MaskFormat.NpyProbabilities, ".npy"),
    ];
}
