using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

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
    private readonly NativeBuffer<int> _ends = new(owner);
    private int _count;

    /// <summary>Lists the chains of an axis.</summary>
    /// <param name="links">Successor + 1 of every row, or 0; overwritten.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="sorted">The rows cell by cell.</param>
    /// <param name="cells">The cells that chains are listed by; null: in the order of their first row.</param>
    public void Build(uint* links, int rows, int* sorted, LatticeCells? cells)
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

        if (cells is null)
        {
            for (int id = 0; id < rows; id++)
            {
                at = Add(links, id, at);
            }
        }
        else
        {
            int* ends = _ends.Ensure(cells.Count + 1) + 1;
            ends[-1] = 0;
            for (int cell = 0, i = 0; cell < cells.Count; cell++)
            {
                for (; i < cells.End(cell); i++)
                {
                    at = Add(links, sorted[i], at);
                }

                ends[cell] = (int)(at - _ids.Pointer);
            }
        }

        _count = (int)(at - _ids.Pointer);
        new Span<int>(at, Slack).Clear();
    }

    /// <summary>The chains that start in some cells.</summary>
    public ReadOnlySpan<int> Cells(int first, int count)
    {
        int start = _ends.Pointer[first];
        return new(_ids.Pointer + start, _ends.Pointer[first + count] - start);
    }

    /// <summary>Part <paramref name="part"/> of <paramref name="parts"/>: whole chains, about equally many vertices.</summary>
    public ReadOnlySpan<int> Part(int part, int parts)
    {
        int start = Boundary(part, parts), end = Boundary(part + 1, parts);
        return new(_ids.Pointer + start, end - start);
    }

    public void Dispose()
    {
        _ids.Dispose();
        _ends.Dispose();
    }

    /// <summary>Lists the chain that starts at a row, if one does.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* Add(uint* links, int id, int* at)
    {
        uint next = links[id];
        if (next is 0 or >= HasPredecessor)
        {
            return at;
        }

        do
        {
            *at++ = id;
            id = (int)next - 1;
            next = links[id] & ~HasPredecessor;
        }
        while (next != 0);
        *at++ = ~id;
        return at;
    }

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
