using System.Buffers;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Formats;

/// <summary>Grey PNG of 8 bits: 255 where one class is, 0 elsewhere.</summary>
internal static class BinaryPng
{
    /// <summary>Writes one class of a label map.</summary>
    /// <param name="labels">HW.</param>
    /// <param name="size">Of <paramref name="labels"/>.</param>
    /// <param name="label">The class.</param>
    /// <param name="output">Takes the bytes.</param>
    public static void Write(ReadOnlySpan<byte> labels, ImageSize size, byte label, IBufferWriter<byte> output)
    {
        using PooledBuffer<byte> mask = new(labels.Length);
        BinaryMask.Select(labels, label, mask.Span);
        BytePng.Write(mask.Span, size, BytePng.Grey, [], output);
    }
}
