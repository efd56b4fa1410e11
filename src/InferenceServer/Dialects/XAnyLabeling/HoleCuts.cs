using InferenceServer.Kernels.Outlines;

namespace InferenceServer.Dialects.XAnyLabeling;

/// <summary>Makes one ring of a polygon with holes, for tools whose polygons have none.</summary>
/// <remarks>A cut leads from the outline to each hole and back on the same line. It has no area, so that the ring fills the
/// same pixels, by the even-odd and by the non-zero rule.</remarks>
internal static class HoleCuts
{
    private const int MostLooks = 200;
    private static readonly Comparer<GridPoint> ByColumn = Comparer<GridPoint>.Create((a, b) => (a.X, a.Y).CompareTo((b.X, b.Y)));

    /// <summary>The points of the ring, in order.</summary>
    public static IEnumerable<GridPoint> OneRing(LabelPolygon polygon)
    {
        GridPoint[] outline = polygon.Rings[0];
        if (polygon.Rings.Count == 1)
        {
            return outline;
        }

        GridPoint[] sorted = [.. outline];
        int[] places = [.. Enumerable.Range(0, outline.Length)];
        Array.Sort(sorted, places, ByColumn);
        ILookup<int, GridPoint[]> holes = polygon.Rings.Skip(1).ToLookup(hole => places[Nearest(sorted, hole[0])]);
        return outline.SelectMany((point, index) =>
            holes[index].SelectMany(hole => (IEnumerable<GridPoint>)[point, .. hole, hole[0]]).Append(point));
    }

    // A near one of the columns beside the point is near enough, and found without a look at every point.
    private static int Nearest(GridPoint[] sorted, GridPoint point)
    {
        int at = Array.BinarySearch(sorted, point, ByColumn);
        int start = Math.Max((at < 0 ? ~at : at) - (MostLooks / 2), 0);
        return Enumerable.Range(start, Math.Min(MostLooks, sorted.Length - start)).MinBy(i => Distance(sorted[i], point));
    }

    private static long Distance(GridPoint a, GridPoint b) => Math.Abs((long)a.X - b.X) + Math.Abs((long)a.Y - b.Y);
}
