namespace InferenceServer.Kernels.Outlines;

/// <summary>One bit for each place of a grid.</summary>
internal sealed class BitGrid(int width, int height)
{
    private readonly ulong[] _bits = new ulong[(((long)width * height) + 63) / 64];

    public bool this[int x, int y] => (_bits[At(x, y) >> 6] & (1UL << (int)(At(x, y) & 63))) != 0;

    public bool this[GridPoint point] => this[point.X, point.Y];

    public void Set(int x, int y) => _bits[At(x, y) >> 6] |= 1UL << (int)(At(x, y) & 63);

    public void Set(GridPoint point) => Set(point.X, point.Y);

    private long At(int x, int y) => ((long)y * width) + x;
}
