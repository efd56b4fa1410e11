using System.Numerics;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>An image to the network's input, as the manifest says: resize, normalise, order the channels,
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

    /// <summary>How an image of this size lies in the network's input where it runs whole.</summary>
    public InputGeometry Plan(ImageSize image) => _sizing.Plan(image);

    /// <summary>Whether the network takes an input of this size as it is.</summary>
    public bool Takes(ImageSize input) => _sizing.Takes(input);

    /// <summary>The sizes that it takes, for people.</summary>
    public string Sizes => _sizing.Sizes;

    /// <summary>The passes of an image of this size.</summary>
    /// <exception cref="SegmentationException">The graph takes only one size, which does not hold it.</exception>
    internal PassPlan Plan(ImageSize image, PassSettings settings)
    {
        // Most images run whole and have the size of the one before.
        if (_last is { } last && last.Image == image && ReferenceEquals(last.Settings, settings))
        {
            return last;
        }

        PassPlan plan = PassPlan.Create(image, _sizing, settings);
        _last = plan.IsOne ? plan : _last;
        return plan;
    }

    /// <summary>The image as one of the plan's views sees it, which the caller disposes.</summary>
    internal ImageView Open(PassView view, ReadOnlyMemory<byte> rgb, ImageSize image) => new(rgb, image, view.Size, _resize);

    /// <summary>Prepares one image.</summary>
    /// <param name="rgb">HWC, 8 bit, of <see cref="InputGeometry.Image"/>'s size.</param>
    /// <param name="geometry">What <see cref="Plan(ImageSize)"/> gave for that size.</param>
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
    /// <param name="view">Of <see cref="Open"/>.</param>
    /// <param name="pass">One of that view's.</param>
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
