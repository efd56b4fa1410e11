namespace InferenceServer.Kernels.Metrics;

/// <summary>A label's pixel count and bounding box while its runs are still being counted, top row first.</summary>
internal struct LabelExtent
{
    private int _left;
    private int _top;
    private int _right;    // exclusive
    private int _bottom;   // exclusive

    public static LabelExtent Empty => new() { _left = int.MaxValue, _top = int.MaxValue };

    public long Pixels { get; private set; }

    public void AddRun(int row, int start, int end)
    {
        Pixels += end - start;
        _left = Math.Min(_left, start);
        _right = Math.Max(_right, end);
        _top = Math.Min(_top, row);
        _bottom = row + 1;
    }

    public readonly LabelRegion ToRegion(byte label) => new(label, Pixels, _left, _top, _right - _left, _bottom - _top);
}
