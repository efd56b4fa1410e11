using System.Numerics;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>Makes the network's input from an image, as the manifest says: resize, normalise, order the channels,
/// pad.</summary>
internal sealed class Preprocessor
{
    private readonly TensorLayout _layout;
    private readonly InputSizing _sizing;
    private readonly ResizeManifest _resize;
    private readonly ChannelNormalization _normalization;
    private readonly float[] _padding;
    private PassPlan? _last;

    internal Preprocessor(PreprocessManifest preprocess, TensorLayout layout, int bucketMultiple = 1)
    {
        _layout = layout;
        _sizing = new InputSizing(preprocess, bucketMultiple);
        _resize = preprocess.Resize;
        _normalization = new ChannelNormalization(preprocess.Scale, Vector(preprocess.Mean), Vector(preprocess.Std), preprocess.Color);
        _padding = preprocess.Pad.Value == PadValue.Mean
            ? [0, 0, 0]
            : [.. preprocess.Mean.Zip(preprocess.Std, (mean, std) => -mean / std)];
    }

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

    /// <summary>The image at the scale of one of the plan's views; the caller disposes the view.</summary>
    internal ImageView Open(PassView view, ReadOnlyMemory<byte> rgb, ImageSize image) => new(rgb, image, view.Size, _resize);

    /// <summary>Prepares one image.</summary>
    /// <param name="rgb">HWC, 8 bit, of <see cref="InputGeometry.Image"/>'s size.</param>
    /// <param name="geometry">The result of <see cref="Plan(ImageSize)"/> for that size.</param>
    /// <returns>The input of one image; the caller disposes it.</returns>
    public InputTensor Prepare(ReadOnlySpan<byte> rgb, in InputGeometry geometry)
    {
        if (geometry.Resized == geometry.Image)
        {
            return Normalize(rgb, geometry.Resized.Width, geometry);
        }

        using PooledBuffer<byte> resized = new(checked((int)(geometry.Resized.Pixels * 3)));
        if (_resize.Antialias)
        {
            PillowResizer.Resize(rgb, geometry.Image, resized.Span, geometry.Resized, _resize.Filter);
        }
        else
        {
            OpenCvResizer.Resize(rgb, geometry.Image, resized.Span, geometry.Resized, _resize.Filter);
        }

        return Normalize(resized.Span, geometry.Resized.Width, geometry);
    }

    /// <summary>Prepares the input of one pass.</summary>
    /// <param name="view">The result of <see cref="Open"/>.</param>
    /// <param name="pass">A pass of that view.</param>
    /// <returns>The input of one image; the caller disposes it.</returns>
    internal InputTensor Prepare(ImageView view, Pass pass)
    {
        InputGeometry geometry = pass.Geometry;
        ReadOnlySpan<byte> strip = view.Rows(geometry.Rows.Start, geometry.Rows.Length);
        InputTensor input = Normalize(strip[(geometry.Columns.Start * 3)..], view.Stride, geometry);
        if (pass.Mirrored)
        {
            input.Mirror();
        }

        return input;
    }

    private static Vector3 Vector(IReadOnlyList<float> values) => new(values[0], values[1], values[2]);

    private InputTensor Normalize(ReadOnlySpan<byte> rgb, int stride, in InputGeometry geometry)
    {
        InputTensor input = new(1, geometry.Bucket, _layout);
        input.Write(rgb, stride, geometry, _normalization, _padding);
        return input;
    }
}
