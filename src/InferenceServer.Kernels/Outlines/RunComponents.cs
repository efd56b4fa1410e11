namespace InferenceServer.Kernels.Outlines;

/// <summary>Connects the runs of equal labels within the rows of a label map to parts, by sides of pixels.</summary>
/// <remarks>Union-find over runs instead of pixels: real masks have few.</remarks>
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

    /// <summary>The runs of a row, as a range of all runs.</summary>
    public (int First, int End) Row(int y) => (_rows[y], _rows[y + 1]);

    /// <summary>The column in which a run begins.</summary>
    public int Start(int run) => _starts[run];

    /// <summary>One run that stands for all of its part: the first of them.</summary>
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

            int endA = a + 1 < _rows[y] ? _starts[a + 1] : row.Length, endB = b + 1 < _starts.Count ? _starts[b + 1] : row.Length;
            a += endA <= endB ? 1 : 0;
            b += endB <= endA ? 1 : 0;
        }
    }

    private void Union(int a, int b)
    {
        (a, b) = (Find(a), Find(b));
        _parents[Math.Max(a, b)] = Math.Min(a, b);
    }
}
