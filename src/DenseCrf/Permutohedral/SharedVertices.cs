using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>Rows of a range whose vertex an earlier range has as well, and the rows there.</summary>
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

    /// <summary>An even share; no two pairs of the list name the same row.</summary>
    public ReadOnlySpan<(int Duplicate, int First)> Part(int part, int parts)
    {
        int start = (int)((long)Count * part / parts), end = (int)((long)Count * (part + 1) / parts);
        return new(_pairs.Pointer + start, end - start);
    }

    public void Dispose() => _pairs.Dispose();
}
