using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Benchmarks.Labels;

[MemoryDiagnoser]
public class ArgMaxBenchmarks
{
    private float[] _scores = [];
    private byte[] _labels = [];

    [ParamsSource(nameof(Cases))]
    public SegmentationCase Case { get; set; } = null!;

    public static IEnumerable<SegmentationCase> Cases => SegmentationCase.All;

    [GlobalSetup]
    public void Setup()
    {
        _scores = Case.Scores(Case.Photo);
        _labels = new byte[Case.Photo.Pixels];
    }

    [Benchmark(Baseline = true)]
    public void Scalar() => ArgMax.Scalar(_scores, Case.Classes, _labels);

    [Benchmark]
    public void Compute() => ArgMax.Compute(_scores, Case.Classes, _labels);
}
