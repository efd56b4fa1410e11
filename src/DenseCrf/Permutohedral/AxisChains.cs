using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>The next vertex of each vertex along one axis.</summary>
/// <remarks>
/// A link is the number of the next row plus 1, or 0 without a next row, and a bit that tells whether a vertex links to
/// this one. Whether a vertex has neighbours cannot be predicted, so that the code that reads and writes links has no
/// branches on it.
/// </remarks>
/// <param name="first">The link of row 0.</param>
/// <param name="stride">Links from one row to the next: the links of several axes may lie side by side.</param>
internal readonly unsafe struct AxisLinks(uint* first, int stride)
{
    private const uint HasPrevious = 0x8000_0000;

    /// <summary>Whether a link starts a chain, as 1 or 0: there is a next row, and no row before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Starts(int row) => Convert.ToInt32(*Of(row) - 1 < HasPrevious - 1);

    /// <summary>The next row, or −1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Next(int row) => (int)(*Of(row) & ~HasPrevious) - 1;

    /// <summary>Links a row to the next one, or to none if <paramref name="next"/> is −1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(int row, int next) => *Of(row) |= (uint)(next + 1);

    /// <summary>Tells the next row, if any, that it is not the first of its chain.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void MarkNext(int row, int next)
    {
        int none = next >> 31;   // all bits without a next row, which then is the row itself
        *Of(next ^ ((next ^ row) & none)) |= HasPrevious & ~(uint)none;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint* Of(int row) => first + ((long)row * stride);
}

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

    private readonly NativeBuffer<int> _rows = new(owner);
    private readonly NativeBuffer<(int Start, int Count)> _groups = new(owner);

    /// <summary>Prepares for another image.</summary>
    /// <param name="rows">Number of rows.</param>
    /// <param name="groups">Number of groups of chains.</param>
    public void Prepare(int rows, int groups)
    {
        int* end = _rows.Ensure(rows + ReadableAfterEnd) + rows;
        new Span<int>(end, ReadableAfterEnd).Clear();
        _groups.Ensure(groups);
    }

    /// <summary>Lists the chains of one group.</summary>
    /// <param name="group">Number of the group.</param>
    /// <param name="start">Where its chains begin in the list: after those of groups that it shares vertices with.</param>
    /// <param name="rows">Rows of which some start chains. Complements of rows are left out; these rows have no links.</param>
    /// <param name="links">The links of the axis.</param>
    /// <returns>Where its chains end in the list.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int List(int group, int start, ReadOnlySpan<int> rows, AxisLinks links)
    {
        const int Block = 64;
        int* at = _rows.Pointer + start, firsts = stackalloc int[Block], heads = stackalloc int[Block];
        for (int block = 0; block < rows.Length; block += Block)
        {
            int count = 0;
            foreach (int row in rows[block..Math.Min(block + Block, rows.Length)])
            {
                int own = row ^ (row >> 31);
                firsts[count] = heads[count] = own;
                count += links.Starts(own);
            }

            Touch(heads, count, links);
            for (int i = 0; i < count; i++)
            {
                int row = firsts[i], next = links.Next(row);
                do
                {
                    *at++ = row;
                    row = next;
                    next = links.Next(row);
                }
                while (next >= 0);
                *at++ = ~row;
            }
        }

        int end = (int)(at - _rows.Pointer);
        _groups.Pointer[group] = (start, end - start);
        return end;
    }

    /// <summary>The chains of a group.</summary>
    public ReadOnlySpan<int> Of(int group)
    {
        (int start, int count) = _groups.Pointer[group];
        return new(_rows.Pointer + start, count);
    }

    /// <summary>
    /// Part <paramref name="part"/> of <paramref name="parts"/> of a group: whole chains, with about the same number
    /// of vertices in each part.
    /// </summary>
    public ReadOnlySpan<int> PartOf(int group, int part, int parts)
    {
        ReadOnlySpan<int> all = Of(group);
        return all[Boundary(all, part, parts)..Boundary(all, part + 1, parts)];
    }

    public void Dispose()
    {
        _rows.Dispose();
        _groups.Dispose();
    }

    /// <summary>
    /// Brings the links of chains into the cache: a step along all chains at once, then the next one. Chain by chain,
    /// each step would wait for the one before.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Touch(int* heads, int count, AxisLinks links)
    {
        while (count > 0)
        {
            int left = 0;
            for (int i = 0; i < count; i++)
            {
                int next = links.Next(heads[i]);
                heads[left] = next;
                left += 1 + (next >> 31);
            }

            count = left;
        }
    }

    /// <summary>The start of the first chain at or after an equal share of the vertices.</summary>
    private static int Boundary(ReadOnlySpan<int> chains, int part, int parts)
    {
        int at = (int)((long)chains.Length * part / parts);
        while (at > 0 && at < chains.Length && chains[at - 1] >= 0)
        {
            at++;
        }

        return at;
    }
}
