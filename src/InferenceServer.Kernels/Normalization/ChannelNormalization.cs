using System.Numerics;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Normalization;

/// <summary>How 8-bit colours become model input: y = (x · scale − mean) / std, for each channel.</summary>
/// <param name="Scale">Multiplies the 0…255 value first: 1, or 1/255.</param>
/// <param name="Mean">Subtracted after scaling; listed in the model's channel order, X being its first plane.</param>
/// <param name="Std">Divides last, in the same order; no component may be 0.</param>
/// <param name="Order">The model's channel order.</param>
public readonly record struct ChannelNormalization(float Scale, Vector3 Mean, Vector3 Std, ChannelOrder Order)
{
    /// <summary>FCN, DeepLab v1 and v2: BGR, 0…255, the mean colour subtracted.</summary>
    public static ChannelNormalization Caffe => new(1, new Vector3(104.007f, 116.669f, 122.679f), Vector3.One, ChannelOrder.Bgr);

    /// <summary>torchvision and most PyTorch weights: RGB, 0…1, ImageNet's mean and deviation.</summary>
    public static ChannelNormalization ImageNet =>
        new(1 / 255f, new Vector3(.485f, .456f, .406f), new Vector3(.229f, .224f, .225f), ChannelOrder.Rgb);

    /// <summary>mmsegmentation: the values of <see cref="ImageNet"/> on the 0…255 scale.</summary>
    public static ChannelNormalization ImageNet255 =>
        new(1, new Vector3(123.675f, 116.28f, 103.53f), new Vector3(58.395f, 57.12f, 57.375f), ChannelOrder.Rgb);

    /// <summary>TensorFlow DeepLab: RGB, −1…1.</summary>
    public static ChannelNormalization TensorFlow => new(1, new Vector3(127.5f), new Vector3(127.5f), ChannelOrder.Rgb);

    /// <summary>milesial's U-Net: RGB, 0…1.</summary>
    public static ChannelNormalization Unit => new(1 / 255f, Vector3.Zero, Vector3.One, ChannelOrder.Rgb);
}

/// <summary>The order of the colour planes in a model's input.</summary>
public enum ChannelOrder
{
    /// <summary>Red first: PyTorch and TensorFlow weights.</summary>
    Rgb,

    /// <summary>Blue first: weights that came from Caffe, and whatever was trained on bare OpenCV images.</summary>
    Bgr,
}

/// <summary>The straight line that normalises one channel: y = x · slope + intercept.</summary>
internal readonly record struct ChannelLine(float Slope, float Intercept)
{
    /// <param name="normalization">The three-channel formula.</param>
    /// <param name="plane">Index of the channel in the model's order.</param>
    public static ChannelLine Create(in ChannelNormalization normalization, int plane)
    {
        double std = normalization.Std[plane];
        return new ChannelLine((float)(normalization.Scale / std), (float)(-normalization.Mean[plane] / std));
    }

    public float At(byte value) => float.MultiplyAddEstimate(value, Slope, Intercept);

    public Vector128<float> At(Vector128<uint> values) => Vector128.MultiplyAddEstimate(
        Vector128.ConvertToSingle(values.AsInt32()), Vector128.Create(Slope), Vector128.Create(Intercept));
}
