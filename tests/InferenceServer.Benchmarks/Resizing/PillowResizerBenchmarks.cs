using BenchmarkDotNet.Attributes;
using InferenceServer.Benchmarks.Bandwidth;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Benchmarks.Resizing;

/// <summary>Images of usual sizes to a short side of 360, antialiased, against the scalar rows that specify the
/// kernel.</summary>
[MemoryDiagnoser]
public class PillowResizerBenchmarks : IMovesBytes
{
    private const int Channels = 3;
    private const int ShortSide = 360;

    private byte[] _source = [];
    private byte[] _destination = [];
    private byte[] _between = [];
    private ImageSize _from;
    private ImageSize _to;

    [Params("960x720", "1920x1080", "4000x3000")]
    public string Photo { get; set; } = "";

    public long Bytes => (From.Pixels + To.Pixels) * Channels;

    private ImageSize From =>
        Photo.Split('x') is [string width, string height]
            ? new ImageSize(int.Parse(width), int.Parse(height))
            : default;

    private ImageSize To => new(From.Width * ShortSide / From.Height, ShortSide);

    [GlobalSetup]
    public void Setup()
    {
        (_from, _to) = (From, To);
        _source = new byte[_from.Pixels * Channels];
        _destination = new byte[_to.Pixels * Channels];
        _between = new byte[_to.Width * _from.Height * Channels];
        new Random(1).NextBytes(_source);
    }

    [Benchmark(Baseline = true)]
    public void Scalar()
    {
        ResampleWeights across = ResampleWeights.Create(_from.Width, _to.Width, ResizeFilter.Bilinear);
        ResampleWeights down = ResampleWeights.Create(_from.Height, _to.Height, ResizeFilter.Bilinear);
        (int wide, int stride) = (_from.Width * Channels, _to.Width * Channels);
        for (int y = 0; y < _from.Height; y++)
        {
            PillowResizer.HorizontalScalar(_source.AsSpan(y * wide, wide), _between.AsSpan(y * stride, stride), across, 0);
        }

        for (int y = 0; y < _to.Height; y++)
        {
            ReadOnlySpan<int> taps = down.Taps(y, out int start);
            PillowResizer.VerticalScalar(
                _between.AsSpan(start * stride, taps.Length * stride), taps, _destination.AsSpan(y * stride, stride),
                0);
        }
    }

    [Benchmark]
    public void Resize() => PillowResizer.Resize(_source, _from, _destination, _to, ResizeFilter.Bilinear);
}
