using System.Numerics;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>A photograph to the network's input, as the manifest says: resize, normalise, order the channels, pad.</summary>
public sealed class Preprocessor
{
    private readonly InputSizing _sizing;
    private readonly ResizeManifest _resize;
    private readonly ChannelNormalization _normalization;
    private readonly float[] _padding;

    internal Preprocessor(PreprocessManifest preprocess, int bucketMultiple = 1)
    {
        _sizing = new InputSizing(preprocess, bucketMultiple);
        _resize = preprocess.Resize;
        _normalization = new ChannelNormalization(preprocess.Scale, Vector(preprocess.Mean), Vector(preprocess.Std), preprocess.Color);
        _padding = preprocess.Pad.Value == PadValue.Mean
            ? [0, 0, 0]
            : [.. preprocess.Mean.Zip(preprocess.Std, (mean, std) => -mean / std)];
    }

    /// <summary>How a photograph of this size lies in the network's input.</summary>
    public InputGeometry Plan(ImageSize photo) => _sizing.Plan(photo);

    /// <summary>Prepares one photograph.</summary>
    /// <param name="rgb">HWC, 8 bit, of <see cref="InputGeometry.Photo"/>'s size.</param>
    /// <param name="geometry">What <see cref="Plan"/> gave for that size.</param>
    /// <returns>1×3×H×W, which the caller disposes.</returns>
    public InputTensor Prepare(ReadOnlySpan<byte> rgb, in InputGeometry geometry)
    {
        if (geometry.Resized == geometry.Photo)
        {
            return Normalize(rgb, geometry);
        }

        using PooledBuffer<byte> resized = new(checked((int)(geometry.Resized.Pixels * 3)));
        if (_resize.Antialias)
        {
            PillowResizer.Resize(rgb, geometry.Photo, resized.Span, geometry.Resized, _resize.Filter);
        }
        else
        {
            OpenCvResizer.Resize(rgb, geometry.Photo, resized.Span, geometry.Resized, _resize.Filter);
        }

        return Normalize(resized.Span, geometry);
    }

    private static Vector3 Vector(IReadOnlyList<float> values) => new(values[0], values[1], values[2]);

    private InputTensor Normalize(ReadOnlySpan<byte> rgb, in InputGeometry geometry)
    {
        InputTensor input = new(1, geometry.Bucket);
        ChannelNormalizer.Compute(rgb, geometry.Resized, input.Values.Span, geometry.Bucket, geometry.Left, geometry.Top, _normalization, _padding);
        return input;
    }
}
