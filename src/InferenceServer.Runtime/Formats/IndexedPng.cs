using System.Buffers;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Runtime.Formats;

/// <summary>PNG of colour type 3, 8 bits: each pixel is a label, the palette holds the colours.</summary>
/// <remarks>Written here because libvips chooses palettes itself. PNG specification, third edition, §11.</remarks>
internal static class IndexedPng
{
    /// <summary>Writes a label map.</summary>
    /// <param name="labels">HW; a label from <see cref="Palette.Count"/> on is kept, but has no colour.</param>
    /// <param name="size">Of <paramref name="labels"/>.</param>
    /// <param name="palette">The colours.</param>
    /// <param name="output">Takes the bytes.</param>
    public static void Write(ReadOnlySpan<byte> labels, ImageSize size, Palette palette, IBufferWriter<byte> output) =>
        BytePng.Write(labels, size, BytePng.Indexed, palette.Rgb, output);
}
