using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Benchmarks.Metrics;

[MemoryDiagnoser]
public class LabelMapBenchmarks
{
    private readonly ImageSize _size = new(2048, 1024);
    private readonly ConfusionMatrix _matrix = new(19);
    private byte[] _labels = [];

    [GlobalSetup]
    public void Setup() => _labels = [.. Enumerable.Range(0, 2048 * 1024).Select(i => (byte)((i / 64) % 19))];

    [Benchmark]
    public void ConfusionMatrixAdd() => _matrix.Add(_labels, _labels);

    [Benchmark]
    public IReadOnlyList<LabelRegion> LabelStatisticsCompute() => LabelStatistics.Compute(_labels, _size);
}
