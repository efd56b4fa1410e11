using InferenceServer.Kernels;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>The image at one scale, resized in strips: one row of tiles at a time. The caller disposes the
/// view.</summary>
internal sealed class ImageView(ReadOnlyMemory<byte> rgb, ImageSize image, ImageSize size, ResizeManifest resize) : IDisposable
{
    private PooledBuffer<byte>? _strip;
    private (int First, int Count) _held;

    /// <summary>Pixels from the start of one row to the start of the next.</summary>
    public int Stride => size.Width;

    /// <summary>Rows of the resized image, HWC; valid until the next call.</summary>
    public ReadOnlySpan<byte> Rows(int first, int count)
    {
        int stride = size.Width * 3;
        if (size == image)
        {
            return rgb.Span.Slice(first * stride, count * stride);
        }

        if (_strip is null || _held != (first, count))
        {
            _strip ??= new PooledBuffer<byte>(checked(count * stride));
            Resize(_strip.Span[..(count * stride)], first, count);
            _held = (first, count);
        }

        return _strip.Span[..(count * stride)];
    }

    public void Dispose() => _strip?.Dispose();

    private void Resize(Span<byte> strip, int first, int count)
    {
        if (resize.Antialias)
        {
            PillowResizer.Resize(rgb.Span, image, strip, size, resize.Filter, first, count);
        }
        else
        {
            OpenCvResizer.Resize(rgb.Span, image, strip, size, resize.Filter, first, count);
        }
    }
}

/// <summary>The bands of an image in the network's order, whose rows are made when they are asked for.</summary>
internal interface IBandRows
{
    /// <summary>Number of bands.</summary>
    int Bands { get; }

    /// <summary>Rows of one band, HW. They are valid until the next call for other rows.</summary>
    /// <exception cref="SegmentationException">The file is damaged.</exception>
    ReadOnlySpan<float> Rows(int band, int first, int count);
}

/// <summary>The bands of an image at one scale, resized in strips. The caller disposes the view.</summary>
internal sealed class BandView(IBandRows bands, ImageSize image, ImageSize size, ResizeManifest resize) : IDisposable
{
    private PooledBuffer<float>? _strip;
    private (int First, int Count) _held;

    /// <summary>Pixels from the start of one row to the start of the next.</summary>
    public int Stride => size.Width;

    /// <summary>Rows of a resized band, HW; valid until the next call with other rows.</summary>
    public ReadOnlySpan<float> Rows(int band, int first, int count)
    {
        int length = count * size.Width;
        if (size == image)
        {
            return bands.Rows(band, first, count);
        }

        if (_strip is null || _held != (first, count))
        {
            _strip ??= new PooledBuffer<float>(checked(bands.Bands * length));
            (int from, int rows) = PlaneResizer.SourceRows(image.Height, size.Height, resize.Filter, resize.Antialias, first, count);
            for (int b = 0; b < bands.Bands; b++)
            {
                PlaneResizer.Resize(
                    bands.Rows(b, from, rows), from, image, _strip.Span.Slice(b * length, length), size, resize.Filter,
                    resize.Antialias, first, count);
            }

            _held = (first, count);
        }

        return _strip.Span.Slice(band * length, length);
    }

    public void Dispose() => _strip?.Dispose();
}

/// <summary>The views of one image, and what they share. The caller disposes the views.</summary>
/// <param name="views">The views in the plan's order; disposed with this object.</param>
/// <param name="gray">The pixels of the views where they are not the image's own; disposed with this object.</param>
/// <param name="values">The normalisation of all passes.</param>
internal sealed class ImageViews(ImageView[] views, PooledBuffer<byte>? gray, InputValues values) : IDisposable
{
    private readonly BandView[]? _bands;

    /// <summary>Views of an image of bands.</summary>
    public ImageViews(BandView[] bands)
        : this([], null, default) => _bands = bands;

    public InputValues Values => values;

    /// <summary>The view where the image is one of bands; else null.</summary>
    public BandView? Bands(PassView view) => _bands?[view.Index];

    public ImageView this[PassView view] => views[view.Index];

    public void Dispose()
    {
        Array.ForEach(views, view => view.Dispose());
        Array.ForEach(_bands ?? [], view => view.Dispose());
        gray?.Dispose();
    }
}
