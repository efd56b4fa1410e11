using System.Diagnostics;
using System.Globalization;
using System.Text;
using InferenceServer.Benchmarks.Coloring;
using InferenceServer.Benchmarks.Encoding;
using InferenceServer.Benchmarks.Labels;
using InferenceServer.Benchmarks.Normalization;
using InferenceServer.Benchmarks.Resizing;
using InferenceServer.Benchmarks.Upsampling;
using InferenceServer.LoadTests.Reports;

namespace InferenceServer.Benchmarks.Bandwidth;

/// <summary>The kernels of a request in half a minute, as the table of docs/benchmarks.md: best call of many, which a
/// busy machine disturbs least.</summary>
internal static class KernelTable
{
    private const string Page = "docs/benchmarks.md";
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(0.7);

    public static void Run(bool docs)
    {
        StringBuilder table = new();
        string copy = (CopyBandwidth.BytesPerSecond / 1e9).ToString("F1", CultureInfo.InvariantCulture);
        table.Append(
            CultureInfo.InvariantCulture,
            $"Measured {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC on {Machine.Describe()}; one thread, best call of " +
            $"many. One thread's copy in memory reads and writes {copy} GB/s.\n\n");
        table.Append("| kernel | size | baseline ms | ms | baseline ÷ kernel | GB/s | of copy |\n|---|---|--:|--:|--:|--:|--:|\n");
        foreach (SegmentationCase c in SegmentationCase.All)
        {
            UpsampledArgMaxBenchmarks upsample = new() { Case = c };
            upsample.Setup();
            table.Append(Row("upsample and argmax", $"{c}", upsample, upsample.Scalar, upsample.Compute));
        }

        foreach (SegmentationCase c in SegmentationCase.All)
        {
            ChannelNormalizerBenchmarks normalize = new() { Case = c };
            normalize.Setup();
            table.Append(Row("normalise", $"{c.Photo}", normalize, normalize.Scalar, normalize.Compute));
        }

        foreach (string photo in new[] { "960x720", "1920x1080", "4000x3000" })
        {
            PillowResizerBenchmarks resize = new() { Photo = photo };
            resize.Setup();
            table.Append(Row("resize to a short side of 360", photo, resize, resize.Scalar, resize.Resize));
        }

        foreach (SegmentationCase c in SegmentationCase.All)
        {
            ColorMapBenchmarks color = new() { Case = c };
            color.Setup();
            table.Append(Row("colour map", $"{c.Photo}", color, color.Scalar, color.Apply));
        }

        foreach (SegmentationCase c in SegmentationCase.All)
        {
            IndexedPngBenchmarks png = new() { Case = c };
            png.Setup();
            table.Append(Row("palette PNG (baseline: libvips, grey)", $"{c.Photo}", png, png.LibvipsGrey, png.Write));
        }

        foreach (string photo in new[] { "480x360", "1920x1080", "4000x3000" })
        {
            PhotoPngBenchmarks png = new() { Photo = photo };
            png.Setup();
            table.Append(Row("RGB PNG of a street (baseline: libvips)", photo, png, png.LibvipsRgb, png.Write));
        }

        Console.WriteLine(table);
        if (docs)
        {
            DocsBlock.Replace(Page, "kernels", table.ToString());
        }
    }

    private static string Row(string kernel, string size, IMovesBytes moves, Action baseline, Action measured)
    {
        // By turns, so that a change of the machine's clock meets both.
        (double slow, double fast) = (double.MaxValue, double.MaxValue);
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < 2 * MaxWait;)
        {
            slow = Math.Min(slow, Seconds(baseline));
            for (int i = 0; i < 5; i++)
            {
                fast = Math.Min(fast, Seconds(measured));
            }
        }

        double perSecond = moves.Bytes / fast;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"| {kernel} | {size} | {1e3 * slow:0.###} | {1e3 * fast:0.###} | {slow / fast:F1} | " +
            $"{perSecond / 1e9:F1} | {perSecond / CopyBandwidth.BytesPerSecond:P0} |\n");
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
