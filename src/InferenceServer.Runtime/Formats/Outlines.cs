using InferenceServer.Kernels.Outlines;

namespace InferenceServer.Runtime.Formats;

/// <summary>The outlines of a result, held to a size that somebody can read.</summary>
internal static class Outlines
{
    private const int MaxPoints = 4_000_000; // some 60 MB of JSON

    /// <returns>The parts of each class that occurs, by label.</returns>
    /// <exception cref="SegmentationException">The outlines have too many points.</exception>
    public static ILookup<byte, LabelPolygon> Of(MaskContent content, double tolerance)
    {
        IReadOnlyList<LabelPolygon> parts = LabelOutlines.Compute(content.Labels.Span, content.Size, tolerance, MaxPoints)
            ?? throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"The mask's outlines have more than {MaxPoints:N0} points; ask for png, coco-rle or masks.");
        return parts.ToLookup(p => p.Label);
    }
}
