using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DenseCrf.Buffers;
using DenseCrf.MeanField;

namespace DenseCrf.Permutohedral;

/// <summary>
/// The lattice of one kernel for one image: each pixel's place in the lattice, and the rows of values at its vertices.
/// </summary>
/// <remarks>
/// Each range of pixels numbers the vertices that it touches, and has its own rows for them, so that no two threads
/// write the same row. The rows of a vertex that several ranges touch are summed before the blur, and the result is
/// copied back after the blur.
/// </remarks>
internal sealed unsafe class KernelLattice(CrfWorkspace owner) : IDisposable
{
    /// <summary>
    /// If a thread's rows take more bytes than this, they do not stay in the second-level cache, and prefetching helps.
    /// </summary>
    private const long PrefetchBytes = 2 << 20;

    /// <summary>
    /// Values before the second set of rows, about half a page. Both sets start on pages. Without the skew a load from
    /// a row would wait for the store to the same row of the other set, because the processor first compares only the
    /// address within a page.
    /// </summary>
    private const int Skew = 544;

    /// <summary>Pixels after the last one whose row numbers are readable, because prefetching reads ahead.</summary>
    private const int ReadableAfterEnd = 16;

    private readonly List<VertexTable> _tables = [];
    private readonly PixelFeatures _features = new(owner);
    private readonly NativeBuffer<byte> _image = new(owner);
    private readonly NativeBuffer<int> _ids = new(owner);
    private readonly NativeBuffer<float> _weights = new(owner);
    private readonly NativeBuffer<float> _scaled = new(owner);
    private readonly NativeBuffer<int> _watermarks = new(owner);
    private readonly NativeBuffer<float> _rows = new(owner);
    private readonly NativeBuffer<float> _next = new(owner);
    private readonly NativeBuffer<float> _held = new(owner);
    private CrfKernel _kernel = CrfKernel.Gaussian(0, 1);
    private FeatureScale[] _scales = [];
    private KeyLayout _layout = null!;
    private PixelRanges _ranges = new(0, 1);
    private ImageSize _size;
    private PixelOrder _order;
    private bool _flipped;
    private int _heldLanes;

    public int Dimensions => _layout.Dimensions;

    /// <summary>Vertices of a simplex.</summary>
    public int Corners => _layout.Dimensions + 1;

    public LatticeGrid Grid => _layout.Grid;

    public LatticeLinks Links { get; } = new(owner);

    /// <summary>Number of rows in all ranges, duplicates of shared vertices included.</summary>
    public int RowCount { get; private set; }

    /// <summary>The rows that the last splat wrote and that the blur changes.</summary>
    public float* Rows
    {
        get
        {
            if (_flipped)
            {
                return _next.Pointer + Skew;
            }

            return _rows.Pointer;
        }
    }

    private float* Next
    {
        get
        {
            if (_flipped)
            {
                return _rows.Pointer;
            }

            return _next.Pointer + Skew;
        }
    }

    /// <summary>Number of pixels in a range.</summary>
    public long PixelsOf(int range) => _ranges[range].End - _ranges[range].Start;

    /// <summary>Number of the first row of a range.</summary>
    public int Base(int range)
    {
        int start = 0;
        for (int earlier = 0; earlier < range; earlier++)
        {
            start += _tables[earlier].Rows;
        }

        return start;
    }

    /// <summary>Whether the lattice is that of the kernel and the image for which it is prepared.</summary>
    public bool IsBuilt { get; private set; }

    /// <summary>
    /// Prepares for a kernel and an image. A lattice that was built for the same ones is kept: the weight of a kernel is
    /// not in its lattice, nor are the scores of the labels.
    /// </summary>
    /// <exception cref="ArgumentException">The deviations are so small that lattice coordinates overflow.</exception>
    public void Prepare(CrfKernel kernel, ImageSize size, PixelRanges ranges, byte* rgb)
    {
        IsBuilt = IsBuilt && size == _size && ranges == _ranges && HasGeometryOf(kernel) && HasColorsOf(rgb);
        if (IsBuilt)
        {
            return;
        }

        (_kernel, _size, _order, _ranges) = (kernel, size, new PixelOrder(size), ranges);
        _scales = FeatureScale.Of(kernel, size);
        _layout = new KeyLayout(_scales);
        while (_tables.Count < ranges.Count)
        {
            _tables.Add(new VertexTable(owner));
        }

        _ids.Ensure((size.Pixels + ReadableAfterEnd) * Corners);
        new Span<int>(_ids.Pointer + (size.Pixels * Corners), ReadableAfterEnd * Corners).Clear();
        _weights.Ensure(size.Pixels * Corners);
        _watermarks.Ensure(ranges.Blocks);
        if (kernel.Normalization is CrfNormalization.Before or CrfNormalization.After)
        {
            _scaled.Ensure(size.Pixels * Corners);
        }

        _features.Tabulate(_scales, size);
    }

    /// <summary>Keeps the lattice for later calls on the same image, after it is built.</summary>
    public void Keep(byte* rgb)
    {
        if (_kernel.Rgb is not null)
        {
            NativeMemory.Copy(rgb, _image.Ensure(_size.Pixels * 3), (nuint)_size.Pixels * 3);
        }

        IsBuilt = true;
    }

    /// <summary>Finds the simplex of every pixel of a range, and numbers the vertices.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Insert(int range, byte* rgb)
    {
        (long start, long end) = _ranges[range];
        VertexTable table = _tables[range];
        table.Clear(_layout.Bits, Grid.Cells, (PixelsOf(range) + 1) * Corners);
        BlockVertices vertices = new(_layout);
        SimplexBlock simplex = default;
        int block = _ranges.FirstBlock(range);
        for (long first = start; first < end; first += SimplexBlock.Points)
        {
            int count = (int)Math.Min(SimplexBlock.Points, end - first);
            _features.Set(ref simplex, _order.Block(first, count), rgb);
            simplex.Compute(Dimensions);
            vertices.Number(in simplex, count, table, _ids.Pointer + (first * Corners));
            simplex.CopyWeights(Corners, count, _weights.Pointer + (first * Corners));
            if ((first + SimplexBlock.Points - start) % PixelRanges.BlockPixels == 0 || first + SimplexBlock.Points >= end)
            {
                _watermarks.Pointer[block++] = table.Rows;
            }
        }

        if (end == _size.Pixels && range == _ranges.Count - 1 && end % 4 != 0)
        {
            InsertOrigin(ref vertices, ref simplex, table);
            _watermarks.Pointer[block - 1] = table.Rows;
        }
    }

    /// <summary>Counts the rows, after all ranges are inserted.</summary>
    public void Number()
    {
        RowCount = checked(Base(_ranges.Count));
        _flipped = false;
        Links.Prepare(_layout, CollectionsMarshal.AsSpan(_tables)[.._ranges.Count]);
    }

    /// <summary>
    /// Makes room for two sets of rows of <paramref name="lanes"/> values: one to read and one to write.
    /// </summary>
    public void EnsureRows(int lanes)
    {
        _rows.Ensure((long)RowCount * lanes);
        _next.Ensure(((long)RowCount * lanes) + Skew);
    }

    /// <summary>
    /// Makes room for rows of settled pixels, or for none where <paramref name="lanes"/> is 0. Those of a range keep their
    /// place when rows get shorter.
    /// </summary>
    public void EnsureHeld(int lanes)
    {
        _heldLanes = lanes;
        _held.Ensure((long)RowCount * lanes);
    }

    /// <summary>Swaps the two sets of rows: the next pass reads what the last pass wrote.</summary>
    public void Flip() => _flipped = !_flipped;

    /// <summary>
    /// Copies the rows of a range, reduced to the kept labels, to the other set of rows, and reduces those of settled
    /// pixels.
    /// </summary>
    public void Narrow(int range, int lanes, PrunedLabels kept)
    {
        long first = Base(range);
        kept.Narrow(Rows + (first * lanes), lanes, _tables[range].Rows, Next + (first * kept.Lanes), filler: 0);
        if (Held(range) is not null)
        {
            kept.Narrow(Held(range), lanes, _tables[range].Rows, Held(range), filler: 0);
        }
    }

    /// <summary>The buffers of a range, for a pass over its pixels.</summary>
    /// <param name="range">Number of the range.</param>
    /// <param name="lanes">Values in a row.</param>
    public KernelView View(int range, int lanes)
    {
        long offset = _ranges[range].Start * Corners, first = Base(range);
        bool before = _kernel.Normalization == CrfNormalization.Before, after = _kernel.Normalization == CrfNormalization.After;
        return new KernelView
        {
            Corners = Corners,
            Prefetches = Corners == 6 && (long)RowCount * lanes * sizeof(float) > PrefetchBytes * _ranges.Count,
            Ids = _ids.Pointer + offset,
            PlainWeights = _weights.Pointer + offset,
            SplatWeights = (before ? _scaled.Pointer : _weights.Pointer) + offset,
            SliceWeights = (after ? _scaled.Pointer : _weights.Pointer) + offset,
            Rows = Rows + (first * lanes),
            Next = Next + (first * lanes),
            Held = Held(range),
            Watermarks = _watermarks.Pointer + _ranges.FirstBlock(range),
        };
    }

    /// <summary>
    /// Multiplies the weights of a range by the normalisation. The rows hold a single value, the blurred ones.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Normalize(int range)
    {
        if (_kernel.Normalization == CrfNormalization.None)
        {
            return;
        }

        bool root = _kernel.Normalization == CrfNormalization.Symmetric;
        float* rows = Rows + Base(range), factors = stackalloc float[PixelBlock.Points];
        (long start, long end) = _ranges[range];
        for (long pixel = start; pixel < end; pixel += PixelBlock.Points)
        {
            int points = (int)Math.Min(PixelBlock.Points, end - pixel);
            int* ids = _ids.Pointer + (pixel * Corners);
            float* weights = _weights.Pointer + (pixel * Corners);
            float* target = root ? weights : _scaled.Pointer + (pixel * Corners);
            for (int point = 0; point < points; point++, ids += Corners)
            {
                float sum = 0;
                for (int k = 0; k < Corners; k++)
                {
                    sum += weights[(point * Corners) + k] * rows[ids[k]];
                }

                factors[point] = sum;
            }

            Normalization(factors, root);
            for (int point = 0; point < points; point++)
            {
                for (int k = 0; k < Corners; k++, weights++)
                {
                    *target++ = *weights * factors[point];
                }
            }
        }
    }

    /// <summary>The constant factor of slicing.</summary>
    public float Alpha => 1 / (1 + MathF.Pow(2, -Dimensions));

    /// <summary>Frees the rows of values; the places of the pixels and the vertices stay.</summary>
    public void FreeRows()
    {
        _rows.Dispose();
        _next.Dispose();
        _held.Dispose();
    }

    public void Dispose()
    {
        IsBuilt = false;
        _tables.ForEach(table => table.Dispose());
        foreach (IDisposable buffer in (IDisposable[])
            [_features, _image, _ids, _weights, _scaled, _watermarks, _rows, _next, _held, Links])
        {
            buffer.Dispose();
        }
    }

    private float* Held(int range)
    {
        if (_heldLanes == 0)
        {
            return null; // the buffer may be that of an earlier call
        }

        return _held.Pointer + ((long)Base(range) * _heldLanes);
    }

    private bool HasGeometryOf(CrfKernel kernel) =>
        (kernel.Sx, kernel.Sy, kernel.Rgb, kernel.Normalization) == (_kernel.Sx, _kernel.Sy, _kernel.Rgb, _kernel.Normalization);

    private bool HasColorsOf(byte* rgb)
    {
        nuint bytes = (nuint)_size.Pixels * 3;
        return _kernel.Rgb is null || new ReadOnlySpan<byte>(rgb, (int)bytes).SequenceEqual(new(_image.Pointer, (int)bytes));
    }

    /// <summary>Turns the filter's responses to ones, without alpha, into the factors of a block of pixels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Normalization(float* responses, bool root)
    {
        for (int i = 0; i < PixelBlock.Points; i += Vector<float>.Count)
        {
            Vector<float> z = (Vector.Load(responses + i) * Alpha) + new Vector<float>(1e-20f);
            Vector.Store(Vector<float>.One / (root ? Vector.SquareRoot(z) : z), responses + i);
        }
    }

    /// <summary>
    /// Inserts the vertices around the origin. The reference implementation fills its last group of four pixels with
    /// points at the origin, and their vertices take part in the blur.
    /// </summary>
    private void InsertOrigin(ref BlockVertices vertices, ref SimplexBlock simplex, VertexTable table)
    {
        for (int axis = 0; axis < Dimensions; axis++)
        {
            simplex.SetFeature(axis, 0, 0);
        }

        int* ids = stackalloc int[Corners];
        simplex.Compute(Dimensions);
        vertices.Number(in simplex, 1, table, ids);
    }
}
