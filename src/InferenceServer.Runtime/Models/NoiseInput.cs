using InferenceServer.Kernels;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Models;

/// <summary>What a normalised photograph looks like to a network: values of about −2 to 2, the same at every start.</summary>
internal static class NoiseInput
{
    /// <summary>Fills a new tensor, which the caller disposes.</summary>
    public static InputTensor Create(int batch, ImageSize size)
    {
        InputTensor input = new(batch, size);
        uint state = 0x9E3779B9;
        foreach (ref float value in input.Values.Span)
        {
            state = (state * 1664525) + 1013904223;
            value = ((state >> 8) * (4f / (1 << 24))) - 2;
        }

        return input;
    }
}
