using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Resizing;

namespace InferenceServer.Benchmarks.Resizing;

[MemoryDiagnoser]
public class ResizerBenchmarks
{
    private readonly ImageSize _from = new(1920, 1080);
    private readonly ImageSize _to = new(1024, 512);
    private readonly byte[] _source = new byte[1920 * 1080 * 3];
    private readonly byte[] _destination = new byte[1024 * 512 * 3];

    [Params(ResizeFilter.Nearest, ResizeFilter.Bilinear, ResizeFilter.Bicubic)]
    public ResizeFilter Filter { get; set; }

    [GlobalSetup]
    public void Setup() => new Random(1).NextBytes(_source);

    [Benchmark]
    public void Pillow() => PillowResizer.Resize(_source, _from, _destination, _to, Filter);

    [Benchmark]
    public void OpenCv() => OpenCvResizer.Resize(_source, _from, _destination, _to, Filter);
}
