using System.Diagnostics;

namespace InferenceServer.Benchmarks.Bandwidth;

/// <summary>What the machine's memory gives one thread: a copy between buffers that no cache holds.</summary>
internal static class CopyBandwidth
{
    private const int Length = 256 << 20;
    private const int Repeats = 8;

    private static readonly Lazy<double> Measured = new(Measure);

    /// <summary>Bytes read and written a second; the best of several copies.</summary>
    public static double BytesPerSecond => Measured.Value;

    private static double Measure()
    {
        byte[] source = new byte[Length];
        byte[] destination = new byte[Length];
        source.AsSpan().Fill(1);
        destination.AsSpan().Fill(2);
        double best = double.MaxValue;
        for (int i = 0; i < Repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            source.CopyTo(destination, 0);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * Length / best;
    }
}
