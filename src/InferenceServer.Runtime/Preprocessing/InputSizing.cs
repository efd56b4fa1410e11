using System.Numerics;
using InferenceServer.Kernels.Upsampling;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>Computes the size of the network's input from an image's size, by the rules of a manifest. No pixels are
/// read.</summary>
internal sealed class InputSizing(PreprocessManifest preprocess, int bucketMultiple = 1)
{
    private readonly ResizeManifest _resize = preprocess.Resize;
    private readonly SizeManifest _size = preprocess.Size;

    /// <summary>The geometry of an image that runs whole, as the manifest says.</summary>
    public InputGeometry Plan(ImageSize image) =>
        Lay(
            image, Bounded(image, Resize(image), exact: _resize.Mode == ResizeMode.Exact),
            _resize.Mode == ResizeMode.LongSidePad ? _resize.Size![0] : 0);

    /// <summary>The geometry of an image at one scale, as a request says; for an image that will be cut into tiles,
    /// the geometry before the cut.</summary>
    /// <exception cref="SegmentationException">The image is to run whole, but is larger than the graph's only
    /// size.</exception>
    public InputGeometry Plan(ImageSize image, double scale, PassSettings settings)
    {
        ImageSize natural = Natural(image, settings);
        ImageSize scaled = scale == 1 ? natural : new ImageSize(Rounded(natural.Width * scale), Rounded(natural.Height * scale));
        bool whole = settings.Mode == InferenceMode.Whole;
        ImageSize resized = whole ? Bounded(image, scaled, exact: _resize.Mode == ResizeMode.Exact && !settings.KeepSize) : scaled;
        if (resized != scaled && settings.Zoom is not null)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"At the resolution that the network wants, the image of {image} pixels has {scaled}, which are too many for one run; " +
                "use mode=slide.");
        }

        if (whole && _size.Fixed is [int height, int width] && (resized.Width > width || resized.Height > height))
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"Expected an input of at most {width}×{height} pixels, the graph's only size, got {resized}; use " +
                "mode=slide, or leave size and scales out.");
        }

        int longSide = _resize.Mode == ResizeMode.LongSidePad && !settings.KeepSize ? Rounded(_resize.Size![0] * scale) : 0;
        return Lay(image, resized, longSide);
    }

    /// <summary>The smallest legal size of a tile that is at least <paramref name="crop"/>.</summary>
    public ImageSize Legal(ImageSize crop)
    {
        if (_size.Fixed is [int height, int width])
        {
            return new ImageSize(width, height);
        }

        return new ImageSize(Legal(crop.Width), Legal(crop.Height));
    }

    /// <summary>Whether the graph takes an input of this size unchanged, and the size is within the model's limit on
    /// input pixels.</summary>
    public bool Takes(ImageSize input) => Legal(input) == input && input.Pixels <= 2 * _resize.MaxPixels;

    /// <summary>The sizes that <see cref="Takes"/> accepts, as text for error messages.</summary>
    public string Sizes
    {
        get
        {
            if (_size.Fixed is [int height, int width])
            {
                return $"expected {height}×{width}";
            }

            return "expected multiples of " +
                $"{_size.Multiple}{(_size.Offset == 0 ? "" : $" plus {_size.Offset}")}, {Legal(1)} or more, and " +
                $"{2 * _resize.MaxPixels:N0} pixels in all or fewer";
        }
    }

    private InputGeometry Lay(ImageSize image, ImageSize resized, int longSide)
    {
        ImageSize input = _size.Fixed is [int height, int width]
            ? new ImageSize(width, height)
            : new ImageSize(Legal(Math.Max(resized.Width, longSide)), Legal(Math.Max(resized.Height, longSide)));
        (int left, int top) = (0, 0);
        if (preprocess.Pad.Where == PadPosition.Center)
        {
            (left, top) = ((input.Width - resized.Width) / 2, (input.Height - resized.Height) / 2);
        }

        return new InputGeometry(image, resized, input, Bucket(input), left, top);
    }

    /// <summary>The smallest legal side that is at least <paramref name="length"/>.</summary>
    public int Legal(int length)
    {
        int least = Math.Max(Math.Max(length, _size.Min), _size.Offset);
        return ((least - _size.Offset + _size.Multiple - 1) / _size.Multiple * _size.Multiple) + _size.Offset;
    }

    private ImageSize Bucket(ImageSize input)
    {
        if (_size.Fixed is not null)
        {
            return input;
        }

        return new ImageSize(Bucket(input.Width), Bucket(input.Height));
    }

    // A size that is legal and also a multiple of the bucket: both steps divide the size.
    private int Bucket(int length)
    {
        int step = _size.Multiple / (int)BigInteger.GreatestCommonDivisor(_size.Multiple, bucketMultiple) * bucketMultiple;
        return ((length - _size.Offset + step - 1) / step * step) + _size.Offset;
    }

    private ImageSize Natural(ImageSize image, PassSettings settings)
    {
        if (settings.KeepSize)
        {
            return image;
        }

        if (settings.Zoom is { } zoom)
        {
            return new ImageSize(Rounded(image.Width * zoom.X), Rounded(image.Height * zoom.Y));
        }

        return Resize(image);
    }

    private ImageSize Resize(ImageSize image)
    {
        if (_resize.Mode == ResizeMode.Exact)
        {
            IReadOnlyList<int> sides = ManifestValidator.Sides(_resize.Size ?? _size.Fixed!);
            return new ImageSize(sides[1], sides[0]);
        }

        return _resize.Mode switch
        {
            ResizeMode.ShortSide => ShortSide(image, _resize.Size![0]),
            ResizeMode.LongSide or ResizeMode.LongSidePad => LongSide(image, _resize.Size![0]),
            _ => image,
        };
    }

    private ImageSize Bounded(ImageSize image, ImageSize resized, bool exact)
    {
        if (exact || IsAffordable(resized))
        {
            return resized;
        }

        return Shrink(image);
    }

    // The limit counts the pixels of the network's input: a strip one pixel wide is padded to the smallest legal side.
    // Padding may double the pixels; otherwise images at the limit would be resized for a few columns.
    private bool IsAffordable(ImageSize resized) =>
        resized.Pixels <= _resize.MaxPixels && (long)Bucket(Legal(resized.Width)) * Bucket(Legal(resized.Height)) <= 2 * _resize.MaxPixels;

    private ImageSize Shrink(ImageSize image)
    {
        double factor = Math.Sqrt((double)_resize.MaxPixels / image.Pixels);
        long longest = Math.Max(_resize.MaxPixels / Bucket(Legal(1)), 1);
        int width = (int)Math.Clamp(image.Width * factor, 1, longest);
        int height = (int)Math.Clamp(image.Height * factor, 1, Math.Min(longest, Math.Max(_resize.MaxPixels / width, 1)));
        return new ImageSize(width, height);
    }

    private static ImageSize ShortSide(ImageSize image, int side)
    {
        if (image.Width <= image.Height)
        {
            return new ImageSize(side, (int)Math.Min((long)side * image.Height / image.Width, int.MaxValue));
        }

        return new ImageSize((int)Math.Min((long)side * image.Width / image.Height, int.MaxValue), side);
    }

    private static ImageSize LongSide(ImageSize image, int side)
    {
        if (image.Width >= image.Height)
        {
            return new ImageSize(side, Rounded((double)side * image.Height / image.Width));
        }

        return new ImageSize(Rounded((double)side * image.Width / image.Height), side);
    }

    private static int Rounded(double length) => (int)Math.Clamp(length + 0.5, 1, int.MaxValue / 4);
}

/// <summary>The position of an image, or of a tile of an image, in the network's input; preprocessing and
/// postprocessing both use this geometry.</summary>
/// <param name="Image">The image's own size.</param>
/// <param name="Resized">The image's size after the resize.</param>
/// <param name="Input">The size after the manifest's padding.</param>
/// <param name="Bucket">The size of the network's input: <paramref name="Input"/>, or padded further on the right and
/// below so that images of other sizes can share a run.</param>
/// <param name="Left">Columns of padding before the image.</param>
/// <param name="Top">Rows of padding before the image.</param>
internal readonly record struct InputGeometry(ImageSize Image, ImageSize Resized, ImageSize Input, ImageSize Bucket, int Left, int Top)
{
    private readonly AxisTile? _columns;
    private readonly AxisTile? _rows;

    /// <summary>The columns that the network sees, and the columns of the image that this pass sets; a tile covers a
    /// part of the columns, any other pass covers all.</summary>
    public AxisTile Columns
    {
        get => _columns ?? AxisTile.Whole(Image.Width, Resized.Width);
        init => _columns = value;
    }

    /// <summary>The rows that the network sees, and the rows of the image that this pass sets.</summary>
    public AxisTile Rows
    {
        get => _rows ?? AxisTile.Whole(Image.Height, Resized.Height);
        init => _rows = value;
    }

    /// <summary>Share of the network's input that is padding, 0 to 1.</summary>
    public double PadRatio => 1 - ((double)Math.Min(Columns.Length, Bucket.Width) * Math.Min(Rows.Length, Bucket.Height) / Bucket.Pixels);
}
