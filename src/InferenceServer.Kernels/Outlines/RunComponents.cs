namespace InferenceServer.Kernels.Outlines;

/// <summary>
/// Finds the connected parts of a label map, as sets of runs: a run is a sequence of equal labels within a row.
/// </summary>
/// <remarks>Union-find over runs instead of pixels, because the masks of networks have few runs.</remarks>
internal sealed class RunComponents
{
    private readonly List<int> _starts = [];
    private readonly List<int> _parents = [];
    private readonly int[] _rows;

    public RunComponents(in LabelGrid grid)
    {
        _rows = new int[grid.Height + 1];
        for (int y = 0; y < grid.Height; y++)
        {
            AddRow(grid.Row(y));
            _rows[y + 1] = _starts.Count;
            if (y > 0)
            {
                Connect(grid, y);
            }
        }
    }

    /// <summary>The numbers of the runs of a row.</summary>
    public (int First, int End) Row(int y) => (_rows[y], _rows[y + 1]);

    /// <summary>The column in which a run starts.</summary>
    public int Start(int run) => _starts[run];

    /// <summary>The column after the last one of a run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="endOfRow">The number of the next row's first run.</param>
    /// <param name="width">Width of the label map.</param>
    public int End(int run, int endOfRow, int width)
    {
        if (run + 1 < endOfRow)
        {
            return _starts[run + 1];
        }

        return width;
    }

    /// <summary>The first run of the part to which a run belongs.</summary>
    public int Find(int run)
    {
        while (_parents[run] != run)
        {
            run = _parents[run] = _parents[_parents[run]];
        }

        return run;
    }

    private void AddRow(ReadOnlySpan<byte> row)
    {
        for (int x = 0; x < row.Length;)
        {
            _parents.Add(_starts.Count);
            _starts.Add(x);
            int run = row[x..].IndexOfAnyExcept(row[x]);
            x = run < 0 ? row.Length : x + run;
        }
    }

    private void Connect(in LabelGrid grid, int y)
    {
        ReadOnlySpan<byte> above = grid.Row(y - 1), row = grid.Row(y);
        for (int a = _rows[y - 1], b = _rows[y]; a < _rows[y] && b < _starts.Count;)
        {
            if (above[_starts[a]] == row[_starts[b]])
            {
                Union(a, b);
            }

            int endA = End(a, _rows[y], row.Length), endB = End(b, _starts.Count, row.Length);
            if (endA <= endB)
            {
                a++;
            }

            if (endB <= endA)
            {
                b++;
            }
        }
    }

    private void Union(int a, int b)
    {
        (a, b) = (Find(a), Find(b));
        _parents[Math.Max(a, b)] = Math.Min(a, b);
    }
}
