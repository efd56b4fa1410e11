using System.Numerics;
using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Normalization;

/// <summary>
/// The normalisation of 8-bit colours to a model's input: y = (x · scale − mean) / std, for each channel.
/// </summary>
/// <param name="Scale">Factor of the value x, which is 0 to 255; usually 1 or 1/255.</param>
/// <param name="Mean">Mean of the scaled values, in the model's channel order: X belongs to the first plane.</param>
/// <param name="Std">Standard deviation of the scaled values, in the model's channel order; not 0.</param>
/// <param name="Order">Channel order of the model; gray uses X of mean and deviation.</param>
public readonly record struct ChannelNormalization(float Scale, Vector3 Mean, Vector3 Std, ChannelOrder Order)
{
    /// <summary>Planes of the model's input: 1 for gray, else 3.</summary>
    public int Channels
    {
        get
        {
            if (Order == ChannelOrder.Gray)
            {
                return 1;
            }

            return 3;
        }
    }

    /// <summary>FCN, DeepLab v1 and v2: BGR, 0 to 255, less the mean colour.</summary>
    public static ChannelNormalization Caffe => new(1, new Vector3(104.007f, 116.669f, 122.679f), Vector3.One, ChannelOrder.Bgr);

    /// <summary>
    /// torchvision and most PyTorch models: RGB, 0 to 1, normalised with ImageNet's mean and standard deviation.
    /// </summary>
    public static ChannelNormalization ImageNet =>
        new(1 / 255f, new Vector3(.485f, .456f, .406f), new Vector3(.229f, .224f, .225f), ChannelOrder.Rgb);

    /// <summary>mmsegmentation: the values of <see cref="ImageNet"/> for colours from 0 to 255.</summary>
    public static ChannelNormalization ImageNet255 =>
        new(1, new Vector3(123.675f, 116.28f, 103.53f), new Vector3(58.395f, 57.12f, 57.375f), ChannelOrder.Rgb);

    /// <summary>DeepLab in TensorFlow: RGB, −1 to 1.</summary>
    public static ChannelNormalization TensorFlow => new(1, new Vector3(127.5f), new Vector3(127.5f), ChannelOrder.Rgb);

    /// <summary>U-Net of milesial: RGB, 0 to 1.</summary>
    public static ChannelNormalization Unit => new(1 / 255f, Vector3.Zero, Vector3.One, ChannelOrder.Rgb);
}

/// <summary>The order of the colour planes in a model's input.</summary>
public enum ChannelOrder
{
    /// <summary>Red first, as for models from PyTorch and TensorFlow.</summary>
    Rgb,

    /// <summary>Blue first, as for models from Caffe and models trained on images as OpenCV loads them.</summary>
    Bgr,

    /// <summary>One plane: the gray that <see cref="GrayConverter"/> makes of a pixel.</summary>
    Gray,

    /// <summary>Bands of any number and meaning, in the order that they are given; the normaliser of 8-bit pixels does
    /// not take them.</summary>
    Bands,
}

/// <summary>The normalisation of one channel as a straight line: y = x · slope + intercept.</summary>
internal readonly record struct ChannelLine(float Slope, float Intercept)
{
    /// <param name="normalization">The normalisation of all channels.</param>
    /// <param name="plane">Index of the channel in the model's channel order.</param>
    public static ChannelLine Create(in ChannelNormalization normalization, int plane)
    {
        double std = normalization.Std[plane];
        return new ChannelLine((float)(normalization.Scale / std), (float)(-normalization.Mean[plane] / std));
    }

    public float At(byte value) => float.MultiplyAddEstimate(value, Slope, Intercept);

    public Vector128<float> At(Vector128<uint> values) => Vector128.MultiplyAddEstimate(
        Vector128.ConvertToSingle(values.AsInt32()), Vector128.Create(Slope), Vector128.Create(Intercept));
}
