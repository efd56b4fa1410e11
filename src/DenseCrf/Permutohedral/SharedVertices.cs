using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>
/// The vertices that a range of pixels shares with an earlier range, as pairs of rows: the duplicate, which is this
/// range's row, and the row of the first range that has the vertex.
/// </summary>
internal sealed unsafe class SharedVertices(CrfWorkspace owner) : IDisposable
{
    private readonly NativeBuffer<(int Duplicate, int First)> _pairs = new(owner);

    public int Count { get; private set; }

    public void Clear(int capacity)
    {
        _pairs.Ensure(capacity);
        Count = 0;
    }

    public void Add(int duplicate, int first) => _pairs.Pointer[Count++] = (duplicate, first);

    /// <summary>
    /// Part <paramref name="part"/> of <paramref name="parts"/> equal parts of the list. No two pairs contain the same
    /// row.
    /// </summary>
    public ReadOnlySpan<(int Duplicate, int First)> Part(int part, int parts)
    {
        int start = (int)((long)Count * part / parts), end = (int)((long)Count * (part + 1) / parts);
        return new(_pairs.Pointer + start, end - start);
    }

    public void Dispose() => _pairs.Dispose();
}
