using System.Runtime.CompilerServices;

namespace DenseCrf.Permutohedral;

/// <summary>Numbers the vertices of simplices, block by block.</summary>
/// <remarks>
/// A pixel often has a vertex of the pixel before it, and that vertex then has the same remainder k; it is not looked
/// up again. The look-ups of a block follow each other without any other work, so that the processor overlaps them.
/// </remarks>
internal unsafe struct BlockVertices
{
    private const int MaxCorners = 6;
    private const int MaxDistinct = MaxCorners * (SimplexBlock.Points + 1);

    private readonly KeyWriter _writer;
    private readonly LatticeGrid _grid;
    private readonly int _corners;
    private fixed long _keys[MaxDistinct];
    private fixed int _cells[MaxDistinct];
    private fixed long _buckets[MaxDistinct];
    private fixed int _ids[MaxDistinct];
    private fixed int _places[MaxCorners * SimplexBlock.Points];

    public BlockVertices(KeyLayout layout)
    {
        (_writer, _grid, _corners) = (layout.Writer, layout.Grid, layout.Dimensions + 1);
        for (int k = 0; k < _corners; k++)
        {
            _keys[k] = -1;
        }
    }

    /// <summary>Numbers the vertices of a block, and adds those that are new to the table.</summary>
    /// <param name="simplex">The simplices of the block's points.</param>
    /// <param name="count">Number of points.</param>
    /// <param name="table">The table of the range.</param>
    /// <param name="ids">Receives the numbers, point by point.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Number(in SimplexBlock simplex, int count, VertexTable table, int* ids)
    {
        int distinct = ListDistinct(in simplex, count);
        for (int i = _corners; i < distinct; i++)
        {
            _cells[i] = _grid.CellOf(_keys[i]);
            _buckets[i] = table.Prefetch(_cells[i], _keys[i]);
        }

        for (int i = _corners; i < distinct; i++)
        {
            _ids[i] = table.FindOrAdd(_cells[i], _buckets[i], _keys[i]);
        }

        Finish(count, ids);
    }

    /// <summary>
    /// Writes the numbers of a block, and moves the last point's vertices to where the next block looks for them.
    /// </summary>
    private void Finish(int count, int* ids)
    {
        for (int i = 0; i < count * _corners; i++)
        {
            ids[i] = _ids[_places[i]];
        }

        int* lastIds = stackalloc int[MaxCorners];
        long* lastKeys = stackalloc long[MaxCorners];
        for (int k = 0; k < _corners; k++)
        {
            int place = _places[((count - 1) * _corners) + k];
            (lastIds[k], lastKeys[k]) = (_ids[place], _keys[place]);
        }

        for (int k = 0; k < _corners; k++)
        {
            (_ids[k], _keys[k]) = (lastIds[k], lastKeys[k]);
        }
    }

    /// <summary>
    /// Lists the keys that differ from the key of the same remainder of the point before, and where each vertex is in
    /// this list. Without branches, because such a difference cannot be predicted.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int ListDistinct(in SimplexBlock simplex, int count)
    {
        int corners = _corners, distinct = corners;
        long* own = stackalloc long[MaxCorners], seen = stackalloc long[MaxCorners];
        int* place = stackalloc int[MaxCorners];
        for (int k = 0; k < corners; k++)
        {
            (seen[k], place[k]) = (_keys[k], k);
        }

        fixed (long* keys = _keys)
        fixed (int* places = _places)
        {
            int* at = places;
            for (int point = 0; point < count; point++)
            {
                _writer.Write(in simplex, point, own);
                for (int k = 0; k < corners; k++)
                {
                    int differs = Convert.ToInt32(own[k] != seen[k]);
                    keys[distinct] = seen[k] = own[k];
                    place[k] += (distinct - place[k]) & -differs;
                    distinct += differs;
                    *at++ = place[k];
                }
            }
        }

        return distinct;
    }
}
