using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels.Coloring;

namespace InferenceServer.Benchmarks.Coloring;

[MemoryDiagnoser]
public class OverlayBlenderBenchmarks
{
    private const int Pixels = 2048 * 1024;

    private readonly Palette _palette = Palette.Voc(256);
    private readonly byte[] _labels = new byte[Pixels];
    private readonly byte[] _rgb = new byte[Pixels * 3];
    private readonly byte[] _colours = new byte[Pixels * 3];
    private readonly byte[] _output = new byte[Pixels * 3];

    [GlobalSetup]
    public void Setup()
    {
        new Random(1).NextBytes(_labels);
        new Random(2).NextBytes(_rgb);
    }

    [Benchmark(Baseline = true)]
    public void Scalar()
    {
        ColorMap.Apply(_labels, _palette, _colours);
        OverlayBlender.Scalar(_rgb, _colours, 128, _output, 0);
    }

    [Benchmark]
    public void Blend() => OverlayBlender.Blend(_rgb, _labels, _palette, 0.5f, _output);

    [Benchmark]
    public void ColorMapOnly() => ColorMap.Apply(_labels, _palette, _colours);
}
