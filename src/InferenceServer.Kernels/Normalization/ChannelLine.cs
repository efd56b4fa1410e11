using System.Runtime.Intrinsics;

namespace InferenceServer.Kernels.Normalization;

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
