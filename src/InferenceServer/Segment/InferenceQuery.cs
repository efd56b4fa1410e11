using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Segment;

/// <summary>Reads what a query wants of the passes; the limits are the runtime's to check.</summary>
internal static class InferenceQuery
{
    /// <summary>What <c>?mode=</c> takes.</summary>
    public static readonly string[] Modes = ["whole", "slide"];

    /// <summary>What <c>?resize=</c> takes.</summary>
    public static readonly string[] Resizes = ["model", "none"];

    /// <summary>What <c>?fuse=</c> takes.</summary>
    public static readonly string[] Fuses = ["mean_softmax", "sum_logits", "max_logits"];

    /// <exception cref="SegmentationException">A parameter is no number, or no word that is known.</exception>
    public static PassOverrides Parse(SegmentQuery query) =>
        query is { Mode: null, Resize: null, Crop: null, StrideRate: null, Scales: null, Flip: null, Fuse: null } ? PassOverrides.None : new PassOverrides
        {
            Mode = Word("mode", query.Mode, Modes) is { } mode ? (InferenceMode)mode : null,
            KeepSize = Word("resize", query.Resize, Resizes) is { } resize ? resize == 1 : null,
            Crop = query.Crop is null ? null : PassText.TryCrop(query.Crop, out ImageSize crop) ? crop : throw Invalid("crop", query.Crop, PassText.CropForm),
            StrideRate = query.StrideRate is null ? null : Number("stride_rate", query.StrideRate),
            Scales = query.Scales is null ? null : PassText.TryScales(query.Scales, out IReadOnlyList<double>? scales) ? scales : throw Invalid("scales", query.Scales, PassText.ScalesForm),
            Flip = query.Flip switch
            {
                null => null,
                "true" => true,
                "false" => false,
                _ => throw Invalid("flip", query.Flip, "true or false"),
            },
            Fuse = Word("fuse", query.Fuse, Fuses) is { } fuse ? (FuseMode)fuse : null,
        };

    // The words stand in the order of their values.
    private static int? Word(string key, string? text, string[] words) => text is null ? null
        : Array.IndexOf(words, text) is >= 0 and int index ? index : throw Invalid(key, text, string.Join(" or ", words));

    private static double Number(string key, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : throw Invalid(key, text, "a number");

    private static SegmentationException Invalid(string key, string value, string expected) =>
        new(SegmentationError.InvalidRequest, $"{key}: expected {expected}, found '{value}'.");
}
