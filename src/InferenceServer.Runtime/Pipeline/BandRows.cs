using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>The bands of an image as the network sees them, of which only a strip of rows is in memory: rows are read from
/// the file when they are asked for, from the top to the bottom.</summary>
/// <remarks>The passes of an image go from its top to its bottom, so that each strip or row of tiles is decompressed once. A
/// row that is asked for again after it was dropped is read again.</remarks>
internal sealed class BandRows : IBandRows, IDisposable
{
    // An image of so many bytes is kept whole.
    private const long SmallBytes = 16 << 20;

    // A step reads at least as many rows as these.
    private const int LeastRows = 32;

    private readonly EncodedImage _image;
    private readonly BandSelection _selection;
    private readonly DisposableList<PooledBuffer<float>> _planes = [];
    private readonly BandSinks _sinks;
    private readonly CancellationToken _cancellation;
    private readonly ImageSize _size;
    private BandPlan _plan;
    private BandScaling? _scaling, _viewScaling;
    private int _capacity, _first, _end, _rawEnd;

    /// <param name="image">The image; disposed with this object.</param>
    /// <param name="plan">What the network and people see of its bands.</param>
    /// <param name="selection">The bands that <paramref name="plan"/> chooses.</param>
    /// <param name="rows">Rows that are used at once.</param>
    /// <param name="sinks">What is made of the rows beside the network's bands.</param>
    /// <param name="cancellation">Stops the reading.</param>
    public BandRows(
        EncodedImage image, BandPlan plan, BandSelection selection, int rows, BandSinks sinks, CancellationToken cancellation)
    {
        (_image, _plan, _selection, _sinks, _cancellation) = (image, plan, selection, sinks, cancellation);
        _size = image.BandSize;
        Reserve(Capacity(image, selection, rows));
    }

    /// <inheritdoc/>
    public int Bands => _selection.Channels.Count;

    /// <summary>Bytes of the rows in memory and of what reading needs.</summary>
    /// <inheritdoc cref="BandRows(EncodedImage, BandPlan, BandSelection, int, BandSinks, CancellationToken)"/>
    public static long Bytes(EncodedImage image, BandPlan plan, BandSelection selection, int rows)
    {
        long percentiles = 0;
        if (plan.Scaling.HasPercentiles || plan.ViewScaling.HasPercentiles)
        {
            percentiles = selection.Read.Count * Percentiles.MostBytes;
        }

        // One plane more: the view is stretched in a copy.
        long row = (selection.Read.Count + 1L) * image.BandSize.Width * sizeof(float);
        return (Capacity(image, selection, rows) * row) + image.BandBytes + percentiles;
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Rows(int band, int first, int count)
    {
        Hold(first, first + count);
        PooledBuffer<float> plane = _planes[_selection.Channels[band]];
        return plane.Span.Slice((first - _first) * _size.Width, count * _size.Width);
    }

    /// <summary>Reads the rows that were not requested, so that what else is made of the rows is complete.</summary>
    public void Complete()
    {
        if (!_sinks.Missing.IsEmpty || !_sinks.View.IsEmpty)
        {
            Hold(_size.Height, _size.Height);
        }
    }

    /// <summary>Paints the bands as colours, where the network sees colours.</summary>
    /// <param name="pixels">HWC, RGB, of the bands' size; every byte is written.</param>
    /// <exception cref="SegmentationException">The bands do not say which value is white, or the file is damaged.</exception>
    public void PaintColors(Memory<byte> pixels)
    {
        if (!_plan.IsScaled)
        {
            SampleRange range = new();
            if (!SampleRange.IsKnown(_image.FullRange))
            {
                Survey(_selection.Channels, (_, values) => range.See(values.Span));
            }

            _plan = _plan.WithWhite(SampleRange.Check(_image.FullRange, _image.Type, range.Least, range.Most, _image.HasChoices));
        }

        for (int first = 0, end; first < _size.Height; first = end)
        {
            end = StepFrom(first);
            Hold(first, end);
            BandPlan.PaintColors(Slices(_selection.Channels, first, end), Pixels(pixels, first, end).Span);
        }
    }

    /// <summary>Returns the rows to the pool.</summary>
    public void Dispose()
    {
        _planes.Dispose();
        _image.Dispose();
    }

    private static int Capacity(EncodedImage image, BandSelection selection, int rows)
    {
        ImageSize size = image.BandSize;
        long block = image.EndOfBlock(0);
        if (size.Pixels * selection.Read.Count * sizeof(float) <= SmallBytes || block == size.Height)
        {
            return size.Height;
        }

        // The last wanted row may be anywhere in a step.
        return (int)Math.Min(rows + block + LeastRows, size.Height);
    }

    private void Reserve(int rows)
    {
        _capacity = rows;
        foreach (int _ in _selection.Read)
        {
            _planes.Add(new PooledBuffer<float>(checked(rows * _size.Width)));
        }
    }

    private int StepFrom(int row) => _image.EndOfBlock(Math.Min(row + LeastRows, _size.Height) - 1);

    /// <summary>Has rows in memory, as the network sees them.</summary>
    private void Hold(int first, int end)
    {
        if (_scaling is null)
        {
            _scaling = _plan.Scaling.Resolve(Bands, see => Survey(_selection.Channels, see));
            if (!_sinks.View.IsEmpty)
            {
                _viewScaling = _plan.ViewScaling.Resolve(_selection.View.Count, see => Survey(_selection.View, see));
            }
        }

        if (first < _first)
        {
            (_first, _end, _rawEnd) = (first, first, first);
        }

        while (_end < end)
        {
            Advance(first);
        }
    }

    /// <summary>Reads the next rows; drops rows before the needed ones where there is no room.</summary>
    private void Advance(int needed)
    {
        int next = StepFrom(_end);
        if (next - _first > _capacity)
        {
            Drop(Math.Min(needed, next - _capacity), next);
        }

        if (next > _rawEnd)
        {
            ReadRaw(_end, next);
        }

        IReadOnlyList<Memory<float>> channels = Slices(_selection.Channels, _end, next);
        if (!_sinks.Missing.IsEmpty)
        {
            BandPlan.MarkMissing(channels, _sinks.Missing.Span[(_end * _size.Width)..(next * _size.Width)]);
        }

        if (_viewScaling is not null)
        {
            BandPlan.PaintView(Slices(_selection.View, _end, next), _viewScaling, Pixels(_sinks.View, _end, next).Span);
        }

        _plan.Scale(channels, _scaling!);
        _end = next;
    }

    private void Drop(int first, int next)
    {
        DisposableList<PooledBuffer<float>> old = [.. _planes];
        bool grows = next - first > _capacity;
        if (grows)
        {
            _planes.Clear();
            Reserve(next - first);
        }

        int kept = (_end - first) * _size.Width;
        for (int i = 0; i < _planes.Count; i++)
        {
            old[i].Span.Slice((first - _first) * _size.Width, kept).CopyTo(_planes[i].Span);
        }

        if (grows)
        {
            old.Dispose();
        }

        _first = first;
        _rawEnd = Math.Min(_rawEnd, _end);
    }

    /// <summary>Reads rows as they are in the file into their place; values without data become NaN.</summary>
    private void ReadRaw(int first, int end)
    {
        IReadOnlyList<Memory<float>> planes = Slices(Enumerable.Range(0, _planes.Count), first, end);
        _image.ReadBands(_selection.Read, planes, first, end - first, _cancellation);
        _plan.RemoveMissing(planes, _image.Geo?.Nodata);
        _rawEnd = end;
    }

    /// <summary>Shows all values of some bands, before the first row is held.</summary>
    private void Survey(IReadOnlyList<int> bands, Action<int, ReadOnlyMemory<float>> see)
    {
        for (int first = 0, end; first < _size.Height; first = end)
        {
            end = StepFrom(first);
            if (_capacity < _size.Height)
            {
                _first = first;
            }

            if (end > _rawEnd || _capacity < _size.Height)
            {
                ReadRaw(first, end);
            }

            foreach ((int band, Memory<float> values) in Slices(bands, first, end).Index())
            {
                see(band, values);
            }
        }

        if (_capacity < _size.Height)
        {
            (_first, _rawEnd) = (0, 0);
        }
    }

    private IReadOnlyList<Memory<float>> Slices(IEnumerable<int> planes, int first, int end) =>
        [.. planes.Select(plane => _planes[plane].Memory[((first - _first) * _size.Width)..((end - _first) * _size.Width)])];

    private Memory<byte> Pixels(Memory<byte> image, int first, int end) => image[(first * _size.Width * 3)..(end * _size.Width * 3)];
}

/// <summary>The bands that a plan chooses from those of a file.</summary>
/// <param name="Read">Indices of the file's bands, each once.</param>
/// <param name="Channels">For each channel of the network, an index into <paramref name="Read"/>.</param>
/// <param name="View">For each channel of what people see, an index into <paramref name="Read"/>.</param>
internal sealed record BandSelection(IReadOnlyList<int> Read, IReadOnlyList<int> Channels, IReadOnlyList<int> View)
{
    /// <summary>The bands of an image.</summary>
    /// <exception cref="SegmentationException">The image does not have them.</exception>
    public static BandSelection Create(BandPlan plan, EncodedImage image, bool withView)
    {
        int[] channels = plan.Choose(image.Bands, image.OpaqueBands, image.Colors);
        int[] view = [];
        if (withView && !plan.GivesColors)
        {
            view = plan.View(channels, image.Bands);
        }

        int[] read = [.. channels.Union(view)];
        return new BandSelection(read, Places(channels), Places(view));

        int[] Places(int[] bands) => [.. bands.Select(band => Array.IndexOf(read, band))];
    }
}

/// <summary>What is made of the rows beside the network's bands; empty where it is not wanted.</summary>
/// <param name="Missing">HW: 1 for pixels where no band has data, else 0.</param>
/// <param name="View">HWC, RGB: what people and the CRF see.</param>
internal readonly record struct BandSinks(Memory<byte> Missing, Memory<byte> View);
