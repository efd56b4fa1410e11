using InferenceServer.Kernels.Crf.Buffers;

namespace InferenceServer.Kernels.Crf.Permutohedral;

/// <summary>The vertices of one axis as chains of neighbours, one after the other; single vertices are left out.</summary>
/// <remarks>
/// Along an axis a vertex has one neighbour on either side, so a blur that walks a chain needs no second copy of the rows. The
/// last vertex of a chain is stored as its complement.
/// </remarks>
internal sealed unsafe class AxisChains(CrfWorkspace owner) : IDisposable
{
    /// <summary>Readable numbers behind the last one, for prefetching.</summary>
    public const int Slack = 16;

    private const uint HasPredecessor = 0x8000_0000;

    private readonly NativeBuffer<int> _ids = new(owner);
    private int _count;

    /// <summary>Lists the chains of an axis.</summary>
    /// <param name="links">Successor + 1 of every row, or 0; overwritten.</param>
    /// <param name="rows">Number of rows.</param>
    public void Build(uint* links, int rows)
    {
        int* at = _ids.Ensure(rows + Slack);
        for (int id = 0; id < rows; id++)
        {
            uint next = links[id] & ~HasPredecessor;
            if (next != 0)
            {
                links[next - 1] |= HasPredecessor;
            }
        }

        for (int start = 0; start < rows; start++)
        {
            if (links[start] is 0 or >= HasPredecessor)
            {
                continue;
            }

            int id = start;
            for (uint next = links[start]; next != 0; next = links[id] & ~HasPredecessor)
            {
                *at++ = id;
                id = (int)next - 1;
            }

            *at++ = ~id;
        }

        _count = (int)(at - _ids.Pointer);
        new Span<int>(at, Slack).Clear();
    }

    /// <summary>Part <paramref name="part"/> of <paramref name="parts"/>: whole chains, about equally many vertices.</summary>
    public ReadOnlySpan<int> Part(int part, int parts)
    {
        int start = Boundary(part, parts), end = Boundary(part + 1, parts);
        return new(_ids.Pointer + start, end - start);
    }

    public void Dispose() => _ids.Dispose();

    /// <summary>The first chain that starts at or behind the even share.</summary>
    private int Boundary(int part, int parts)
    {
        int at = (int)((long)_count * part / parts);
        while (at > 0 && at < _count && _ids.Pointer[at - 1] >= 0)
        {
            at++;
        }

        return at;
    }
}
