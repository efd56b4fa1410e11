using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>
/// Chains of neighbouring vertices along one axis, one chain after the other. Vertices without a neighbour are in no
/// chain.
/// </summary>
/// <remarks>
/// Along an axis a vertex has at most one neighbour on each side, so a blur that follows a chain needs no second copy
/// of the rows. The last vertex of a chain is stored as the complement of its row number.
/// </remarks>
internal sealed unsafe class AxisChains(CrfWorkspace owner) : IDisposable
{
    /// <summary>Row numbers after the last one that are readable, because prefetching reads ahead.</summary>
    public const int ReadableAfterEnd = 16;

    private const uint HasPredecessor = 0x8000_0000;

    private readonly NativeBuffer<int> _ids = new(owner);
    private readonly NativeBuffer<int> _ends = new(owner);
    private int _count;

    /// <summary>Lists the chains of an axis.</summary>
    /// <param name="links">
    /// For each row the number of the next row plus 1, or 0 without a next row; overwritten.
    /// </param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="sorted">The rows, cell by cell.</param>
    /// <param name="cells">The cells by which chains are listed; null lists them by their first row.</param>
    public void Build(uint* links, int rows, int* sorted, LatticeCells? cells)
    {
        int* at = _ids.Ensure(rows + ReadableAfterEnd);
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
        new Span<int>(at, ReadableAfterEnd).Clear();
    }

    /// <summary>The chains that start in <paramref name="count"/> cells from <paramref name="first"/> on.</summary>
    public ReadOnlySpan<int> Cells(int first, int count)
    {
        int start = _ends.Pointer[first];
        return new(_ids.Pointer + start, _ends.Pointer[first + count] - start);
    }

    /// <summary>
    /// Part <paramref name="part"/> of <paramref name="parts"/>: whole chains, with about the same number of vertices
    /// in each part.
    /// </summary>
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

    /// <summary>Lists the chain that starts at a row, if any.</summary>
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

    /// <summary>The start of the first chain at or after an equal share of the vertices.</summary>
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
