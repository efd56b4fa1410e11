using System.Numerics;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>Makes the network's input from an image, as the manifest says: convert to gray, resize, normalise, order
/// the channels, pad.</summary>
internal sealed class Preprocessor
{
    private readonly TensorLayout _layout;
    private readonly TensorLayout _pixelLayout;
    private readonly InputSizing _sizing;
    private readonly ResizeManifest _resize;
    private readonly bool _isGray;
    private readonly bool _byMaximum;
    private readonly PadValue _pad;
    private readonly InputValues _values;
    private readonly PreprocessManifest _preprocess;
    private PassPlan? _last;

    /// <param name="preprocess">What the manifest says.</param>
    /// <param name="layout">The layout of the network's input.</param>
    /// <param name="bucketMultiple">The input's sides are rounded up to multiples of this.</param>
    /// <param name="pixels">The layout of 8-bit images for a device that normalises them; null where it takes numbers.</param>
    internal Preprocessor(PreprocessManifest preprocess, TensorLayout layout, int bucketMultiple = 1, TensorLayout? pixels = null)
    {
        _preprocess = preprocess;
        _layout = layout;
        _pixelLayout = pixels ?? layout;
        _sizing = new InputSizing(preprocess, bucketMultiple);
        _resize = preprocess.Resize;
        _isGray = preprocess.Color == ChannelOrder.Gray;
        _byMaximum = preprocess.Normalize == PixelNormalization.ImageMax;
        _pad = preprocess.Pad.Value;
        _values = InputValues.Create(preprocess);
    }

    /// <summary>Whether the network's channels are bands instead of colours.</summary>
    public bool TakesBands => _preprocess.Color == ChannelOrder.Bands;

    /// <inheritdoc cref="BandPlan.Create"/>
    public BandPlan? Bands(IReadOnlyList<int>? bands, string? scaling) => BandPlan.Create(_preprocess, bands, scaling);

    /// <summary>The geometry of an image of this size that runs whole.</summary>
    public InputGeometry Plan(ImageSize image) => _sizing.Plan(image);

    /// <summary>Whether the network takes an input of this size unchanged.</summary>
    public bool Takes(ImageSize input) => _sizing.Takes(input);

    /// <summary>The sizes that the network takes, as text for error messages.</summary>
    public string Sizes => _sizing.Sizes;

    /// <summary>The passes of an image of this size.</summary>
    /// <exception cref="SegmentationException">The graph takes only one size, and the image is larger.</exception>
    internal PassPlan Plan(ImageSize image, PassSettings settings)
    {
        // Most images run whole and have the same size as the image before.
        if (_last is { } last && last.Image == image && ReferenceEquals(last.Settings, settings))
        {
            return last;
        }

        PassPlan plan = PassPlan.Create(image, _sizing, settings);
        _last = plan.IsOne ? plan : _last;
        return plan;
    }

    /// <summary>The image at the scales of the plan's views; the caller disposes the views.</summary>
    internal ImageViews Open(PassPlan plan, ReadOnlyMemory<byte> rgb)
    {
        PooledBuffer<byte>? gray = Gray(rgb.Span, plan.Views.Any(view => view.Size != plan.Image));
        if (gray is not null)
        {
            rgb = gray.Memory;
        }

        // The largest value is the whole image's, so that the tiles of all scales agree.
        return new ImageViews(
            [.. plan.Views.Select(view => new ImageView(rgb, plan.Image, view.Size, _resize))], gray, ValuesOf(rgb.Span));
    }

    /// <summary>The bands at the scales of the plan's views; the caller disposes the views.</summary>
    internal ImageViews Open(PassPlan plan, IBandRows bands) =>
        new([.. plan.Views.Select(view => new BandView(bands, plan.Image, view.Size, _resize))]);

    /// <summary>Prepares one image of bands.</summary>
    /// <param name="bands">A band for each channel, of <see cref="InputGeometry.Image"/>'s size.</param>
    /// <param name="geometry">The result of <see cref="Plan(ImageSize)"/> for that size.</param>
    /// <returns>The input of one image; the caller disposes it.</returns>
    public InputTensor Prepare(IBandRows bands, in InputGeometry geometry)
    {
        using BandView view = new(bands, geometry.Image, geometry.Resized, _resize);
        return Normalize(view, geometry);
    }

    /// <summary>Prepares one image.</summary>
    /// <param name="rgb">HWC, 8 bit, of <see cref="InputGeometry.Image"/>'s size.</param>
    /// <param name="geometry">The result of <see cref="Plan(ImageSize)"/> for that size.</param>
    /// <returns>The input of one image; the caller disposes it.</returns>
    public InputTensor Prepare(ReadOnlySpan<byte> rgb, in InputGeometry geometry) => Prepare(rgb, geometry.Image, geometry);

    /// <summary>Prepares one image, which may have shrunk already.</summary>
    /// <param name="rgb">HWC, 8 bit.</param>
    /// <param name="size">The size of <paramref name="rgb"/>, which shows the whole image.</param>
    /// <param name="geometry">The result of <see cref="Plan(ImageSize)"/> for the image's own size.</param>
    /// <returns>The input of one image; the caller disposes it.</returns>
    public InputTensor Prepare(ReadOnlySpan<byte> rgb, ImageSize size, in InputGeometry geometry)
    {
        bool resizes = geometry.Resized != size;
        using PooledBuffer<byte>? gray = Gray(rgb, resizes);
        if (gray is not null)
        {
            rgb = gray.Span;
        }

        if (!resizes)
        {
            return Normalize(rgb, geometry.Resized.Width, geometry, ValuesOf(rgb));
        }

        using PooledBuffer<byte> resized = new(checked((int)(geometry.Resized.Pixels * 3)));
        if (_resize.Antialias)
        {
            PillowResizer.Resize(rgb, size, resized.Span, geometry.Resized, _resize.Filter);
        }
        else
        {
            OpenCvResizer.Resize(rgb, size, resized.Span, geometry.Resized, _resize.Filter);
        }

        return Normalize(resized.Span, geometry.Resized.Width, geometry, ValuesOf(resized.Span));
    }

    /// <summary>Prepares the input of one pass.</summary>
    /// <param name="views">The views of the plan's image.</param>
    /// <param name="pass">A pass of that plan.</param>
    /// <returns>The input of one image; the caller disposes it.</returns>
    internal InputTensor Prepare(ImageViews views, Pass pass)
    {
        InputGeometry geometry = pass.Geometry;
        InputTensor input;
        if (views.Bands(pass.View) is { } bands)
        {
            input = Normalize(bands, geometry);
        }
        else
        {
            ImageView view = views[pass.View];
            ReadOnlySpan<byte> strip = view.Rows(geometry.Rows.Start, geometry.Rows.Length);
            input = Normalize(strip[(geometry.Columns.Start * 3)..], view.Stride, geometry, views.Values);
        }

        if (pass.Mirrored)
        {
            input.Mirror();
        }

        return input;
    }

    /// <summary>The image in gray, where the network is for gray images and the next step is not the normalisation,
    /// which converts by itself; else null.</summary>
    private PooledBuffer<byte>? Gray(ReadOnlySpan<byte> rgb, bool resizes)
    {
        if (!_isGray || !(resizes || _byMaximum))
        {
            return null;
        }

        PooledBuffer<byte> gray = new(rgb.Length);
        GrayConverter.Compute(rgb, gray.Span);
        return gray;
    }

    /// <summary>The normalisation of one image, which may depend on its pixels.</summary>
    private InputValues ValuesOf(ReadOnlySpan<byte> pixels)
    {
        if (_byMaximum)
        {
            // Where all pixels are 0, every scale gives 0.
            float scale = 1f / Math.Max(LargestValue.Compute(pixels), (byte)1);
            return InputValues.Create(_values.Normalization with { Scale = scale }, _preprocess.Pad.Value);
        }

        return _values;
    }

    private InputTensor Normalize(BandView view, in InputGeometry geometry)
    {
        bool isTile = geometry.Rows.Count < geometry.Image.Height || geometry.Columns.Count < geometry.Image.Width;
        InputTensor input = new(1, geometry.Bucket, _layout) { Image = isTile ? geometry.Bucket : geometry.Image };
        float scale = _preprocess.Scale ?? 1;
        for (int c = 0; c < _layout.Channels; c++)
        {
            (float mean, float std) = (_preprocess.Mean[c], _preprocess.Std[c]);
            float padding = 0;
            if (_pad.At(c) is { } step)
            {
                padding = ((step * scale) - mean) / std;
            }

            ReadOnlySpan<float> rows = view.Rows(c, geometry.Rows.Start, geometry.Rows.Length);
            input.Write(rows[geometry.Columns.Start..], view.Stride, c, geometry, new BandLine(scale, mean, std, padding));
        }

        return input;
    }

    private InputTensor Normalize(ReadOnlySpan<byte> rgb, int stride, in InputGeometry geometry, in InputValues values)
    {
        bool isTile = geometry.Rows.Count < geometry.Image.Height || geometry.Columns.Count < geometry.Image.Width;
        InputTensor input = new(1, geometry.Bucket, _pixelLayout) { Image = isTile ? geometry.Bucket : geometry.Image };
        input.Write(rgb, stride, geometry, values);
        return input;
    }
}

/// <summary>How the pixels of one image become the network's input.</summary>
/// <param name="Normalization">The normalisation of the pixels.</param>
/// <param name="Padding">The normalised colour around the image, in the model's channel order.</param>
internal readonly record struct InputValues(ChannelNormalization Normalization, float[] Padding)
{
    /// <summary>What a manifest says of the pixels of an 8-bit image.</summary>
    public static InputValues Create(PreprocessManifest preprocess)
    {
        ChannelNormalization normalization = new(
            preprocess.Scale ?? 1, Vector(preprocess.Mean), Vector(preprocess.Std), preprocess.Color);
        return Create(normalization, preprocess.Pad.Value);
    }

    /// <summary>What a manifest says of the pixels of all 8-bit images; null where they differ, or the network takes
    /// none.</summary>
    public static InputValues? OfEveryImage(PreprocessManifest preprocess)
    {
        bool takesImages = preprocess.Color != ChannelOrder.Bands && preprocess.Mean.Count is 1 or 3;
        if (takesImages && preprocess.Normalize != PixelNormalization.ImageMax)
        {
            return Create(preprocess);
        }

        return null;
    }

    /// <summary>A normalisation, and the colour around the image in the pixels' units.</summary>
    public static InputValues Create(ChannelNormalization normalization, PadValue pad)
    {
        float[] padding = new float[normalization.Channels];
        for (int c = 0; c < padding.Length; c++)
        {
            if (pad.At(c) is { } step)
            {
                double scaled = step * (double)normalization.Scale;
                padding[c] = (float)((scaled - normalization.Mean[c]) / normalization.Std[c]);
            }
        }

        return new InputValues(normalization, padding);
    }

    /// <summary>The values of gray or RGB; other networks take no images.</summary>
    private static Vector3 Vector(IReadOnlyList<float> values)
    {
        if (values.Count < 3)
        {
            return new Vector3(values[0]);
        }

        return new Vector3(values[0], values[1], values[2]);
    }
}

/// <summary>How the values of one band become the network's input: (x·scale − mean) / std.</summary>
/// <param name="Scale">Multiplied with a value.</param>
/// <param name="Mean">Subtracted then.</param>
/// <param name="Std">Divides the difference.</param>
/// <param name="Padding">The normalised value around the image.</param>
internal readonly record struct BandLine(float Scale, float Mean, float Std, float Padding);
