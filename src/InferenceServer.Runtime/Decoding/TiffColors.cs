using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Runtime.Decoding;

/// <summary>The colours of a TIFF whose samples libvips does not read.</summary>
/// <param name="file">What the samples are.</param>
/// <param name="samples">Their reader.</param>
/// <param name="window">The pixels to read, as they are in the file.</param>
/// <param name="hasChoices">Whether the request can choose bands and the range of their values: errors advise it.</param>
internal sealed class TiffColors(TiffImage file, TiffSamples samples, PixelWindow window, bool hasChoices)
{
    /// <summary>Bytes that <see cref="Read"/> needs beside its result.</summary>
    public static long Bytes(TiffImage file, PixelWindow window)
    {
        long rows = Math.Min(window.Height, file.Block.Height);
        long bytes = file.BlockBytes + (rows * window.Width * sizeof(float) * (file.Colors + 1));
        if (file.Orientation > 1)
        {
            bytes += window.Size.Pixels * RgbImage.Channels; // a turn reads a copy
        }

        return bytes;
    }

    /// <summary>Reads the colours as 8 bits, upright and on white.</summary>
    /// <param name="pixels">HWC, RGB; every byte is written.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="SegmentationException">The file does not say which samples are colours or which value is white,
    /// or it is truncated or damaged.</exception>
    public void Read(Memory<byte> pixels, CancellationToken cancellationToken)
    {
        if (file.IsBands)
        {
            string remedy = hasChoices ? "Name them, for instance with bands=3,2,1." : "Convert it to RGB or gray.";
            throw new SegmentationException(
                SegmentationError.UndecodableImage,
                $"Expected an image in RGB or gray; the image has {file.Bands} bands of {file.Type}, and the file does not say which " +
                $"of them are colours. {remedy}");
        }

        if (file.HasProfile)
        {
            throw new SegmentationException(
                SegmentationError.UndecodableImage,
                $"The image has a colour profile, which the server does not apply to samples of {file.Type} with compression " +
                $"{file.Compression}. Convert it to sRGB, or send its samples as they are with bands=1,2,3.");
        }

        SampleRange range = new();
        if (!SampleRange.IsKnown(file.FullRange))
        {
            foreach ((_, IReadOnlyList<Memory<float>> planes) in Strips(withAlpha: false, cancellationToken))
            {
                foreach (Memory<float> plane in planes)
                {
                    range.See(plane.Span);
                }
            }
        }

        float white = SampleRange.Check(file.FullRange, file.Type, range.Least, range.Most, hasChoices);
        foreach ((int row, IReadOnlyList<Memory<float>> planes) in Strips(withAlpha: true, cancellationToken))
        {
            Paint(planes, white, pixels.Span.Slice(row * window.Width * 3, planes[0].Length * 3));
        }

        if (file.Orientation > 1)
        {
            Libvips.Turn(pixels, window.Width, window.Height, file.Orientation, cancellationToken);
        }
    }

    /// <summary>The colours, a row of strips or tiles at a time; a strip is valid until the next one.</summary>
    private IEnumerable<(int Row, IReadOnlyList<Memory<float>> Planes)> Strips(bool withAlpha, CancellationToken cancellationToken)
    {
        List<int> read = [.. Enumerable.Range(0, file.Colors)];
        if (withAlpha && file.Alpha is { } opacity)
        {
            read.Add(opacity);
        }

        int most = Math.Min(window.Height, file.Block.Height) * window.Width;
        using DisposableList<PooledBuffer<float>> buffers = [.. read.Select(_ => new PooledBuffer<float>(most))];
        for (int first = 0, end; first < window.Height; first = end)
        {
            end = Math.Min(file.EndOfBlock(window.Y + first) - window.Y, window.Height);
            PixelWindow rows = window.Rows(first, end - first);
            Memory<float>[] planes = [.. buffers.Select(buffer => buffer.Memory[..(int)rows.Size.Pixels])];
            samples.Read(read, planes, rows, missing: 0, cancellationToken);
            yield return (first, planes);
        }
    }

    private void Paint(IReadOnlyList<Memory<float>> planes, float white, Span<byte> rgb)
    {
        for (int c = 0; c < 3; c++)
        {
            ReadOnlySpan<float> plane = planes[Math.Min(c, file.Colors - 1)].Span;
            for (int i = 0; i < plane.Length; i++)
            {
                float value = plane[i] / white;
                if (file.IsInverted)
                {
                    value = 1 - value;
                }

                if (file.Alpha is not null)
                {
                    float alpha = planes[file.Colors].Span[i] / white;
                    value = (file.IsPremultiplied ? value : value * alpha) + 1 - alpha;
                }

                rgb[(i * 3) + c] = (byte)((Math.Clamp(value, 0, 1) * byte.MaxValue) + 0.5f);
            }
        }
    }
}
