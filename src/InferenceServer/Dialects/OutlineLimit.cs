using InferenceServer.Kernels.Outlines;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Dialects;

/// <summary>The outlines of a result for a tool that draws them in a browser.</summary>
internal static class OutlineLimit
{
    private const int MaxPoints = 1_000_000; // more than a browser draws

    /// <returns>The parts of each class that occurs, by label; null where they have more points than can be drawn.</returns>
    public static ILookup<byte, LabelPolygon>? Outlines(this MaskContent content, double tolerance) =>
        LabelOutlines.Compute(content.Labels.Span, content.Size, tolerance, MaxPoints)?.ToLookup(p => p.Label);

    /// <param name="instead">What to do about it.</param>
    public static SegmentationException TooMany(string instead) =>
        new(SegmentationError.InvalidRequest, $"The mask's outlines have more than {MaxPoints:N0} points; {instead}.");
}
