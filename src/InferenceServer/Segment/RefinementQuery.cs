using System.Globalization;
using System.Numerics;
using DenseCrf;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Segment;

/// <summary>Reads what a query wants of the CRF; the limits are the runtime's to check.</summary>
internal static class RefinementQuery
{
    /// <summary>What <c>?refine=</c> takes.</summary>
    public static readonly string[] Refinements = ["crf", "none"];

    /// <summary>What <c>?crf.quality=</c> takes.</summary>
    public static readonly string[] Qualities = ["exact", "fast"];

    /// <exception cref="SegmentationException">A parameter is no number, or no word that is known.</exception>
    public static (bool? Refine, CrfOverrides Crf) Parse(SegmentQuery query) => (
        query.Refine switch
        {
            null => null,
            "crf" => true,
            "none" => false,
            _ => throw Invalid("refine", query.Refine, "crf or none"),
        },
        new CrfOverrides
        {
            Iterations = Number<int>("crf.iterations", query.CrfIterations),
            GaussianWeight = Number<float>("crf.gaussian.weight", query.GaussianWeight),
            GaussianXy = Number<float>("crf.gaussian.xy", query.GaussianXy),
            BilateralWeight = Number<float>("crf.bilateral.weight", query.BilateralWeight),
            BilateralXy = Number<float>("crf.bilateral.xy", query.BilateralXy),
            BilateralRgb = Number<float>("crf.bilateral.rgb", query.BilateralRgb),
            Quality = query.CrfQuality switch
            {
                null => null,
                "exact" => CrfQuality.Exact,
                "fast" => CrfQuality.Fast,
                _ => throw Invalid("crf.quality", query.CrfQuality, "exact or fast"),
            },
        });

    private static T? Number<T>(string key, string? text)
        where T : struct, INumber<T> => text is null ? null
        : T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T value) ? value : throw Invalid(key, text, "a number");

    private static SegmentationException Invalid(string key, string value, string expected) =>
        new(SegmentationError.InvalidRequest, $"{key}: expected {expected}, found '{value}'.");
}
