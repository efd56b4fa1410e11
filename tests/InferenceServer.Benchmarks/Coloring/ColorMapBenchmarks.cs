using BenchmarkDotNet.Attributes;
using InferenceServer.Benchmarks.Bandwidth;
using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Benchmarks.Coloring;

/// <summary>Labels to colours, against the loop that writes byte by byte.</summary>
[MemoryDiagnoser]
public class ColorMapBenchmarks : IMovesBytes
{
    private const int Channels = 3;

    private readonly Palette _palette = Palette.Voc(256);
    private byte[] _labels = [];
    private byte[] _rgb = [];

    [ParamsSource(nameof(Cases))]
    public SegmentationCase Case { get; set; } = null!;

    public static IEnumerable<SegmentationCase> Cases => SegmentationCase.All;

    public long Bytes => Case.Photo.Pixels * (1 + Channels);

    [GlobalSetup]
    public void Setup()
    {
        _labels = Case.Labels();
        _rgb = new byte[Case.Photo.Pixels * Channels];
    }

    [Benchmark(Baseline = true)]
    public void Scalar()
    {
        ReadOnlySpan<byte> colours = _palette.Rgb;
        for (int x = 0; x < _labels.Length; x++)
        {
            colours.Slice(_labels[x] * Channels, Channels).CopyTo(_rgb.AsSpan(x * Channels));
        }
    }

    [Benchmark]
    public void Apply() => ColorMap.Apply(_labels, _palette, _rgb);
}
