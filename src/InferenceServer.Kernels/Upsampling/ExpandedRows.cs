using System.Buffers;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>The two horizontally enlarged grid rows, of all classes, between which an output row lies.</summary>
/// <remarks>If output rows are read from top to bottom, each grid row is enlarged at most once.</remarks>
internal ref struct ExpandedRows
{
    private readonly ReadOnlySpan<float> _scores;
    private readonly ImageSize _grid;
    private readonly int _classes;
    private readonly ColumnExpander _expander;
    private readonly float[] _buffer;
    private readonly int _half;
    private int _first;    // the grid row in the first half of the buffer, or −1
    private int _second;   // the grid row in the second half of the buffer, or −1

    /// <param name="scores">Scores on the grid, CHW.</param>
    /// <param name="grid">Size of the grid.</param>
    /// <param name="classes">Number of planes.</param>
    /// <param name="columns">Position on the grid of each image column.</param>
    public ExpandedRows(ReadOnlySpan<float> scores, ImageSize grid, int classes, AxisTaps columns)
    {
        _scores = scores;
        _grid = grid;
        _classes = classes;
        _expander = new ColumnExpander(columns);
        Width = columns.Count;
        _half = classes * Width;
        _buffer = ArrayPool<float>.Shared.Rent(2 * _half);
        (_first, _second) = (-1, -1);
    }

    /// <summary>Number of image columns.</summary>
    public int Width { get; }

    /// <summary>
    /// The scores of output row <paramref name="y"/> of <paramref name="rows"/>; valid until the next call.
    /// </summary>
    public ScoreRows At(AxisTaps rows, int y)
    {
        int lower = rows.Lower[y];
        float fraction = rows.Fractions[y];
        int upper = fraction == 0 ? lower : rows.Upper(y);
        bool lowerIsSecond = lower == _second || (lower != _first && upper == _first);
        ReadOnlySpan<float> near = Hold(lower, lowerIsSecond);
        ReadOnlySpan<float> far = upper == lower ? near : Hold(upper, !lowerIsSecond);
        return new ScoreRows(near, far, Width, fraction, _classes, Width);
    }

    public readonly void Dispose()
    {
        _expander.Dispose();
        ArrayPool<float>.Shared.Return(_buffer);
    }

    private ReadOnlySpan<float> Hold(int row, bool second)
    {
        ref int held = ref (second ? ref _second : ref _first);
        Span<float> half = _buffer.AsSpan(second ? _half : 0, _half);
        if (held != row)
        {
            held = row;
            for (int c = 0; c < _classes; c++)
            {
                int start = (int)(c * _grid.Pixels) + (row * _grid.Width);
                _expander.Expand(_scores.Slice(start, _grid.Width), half.Slice(c * Width, Width));
            }
        }

        return half;
    }
}
