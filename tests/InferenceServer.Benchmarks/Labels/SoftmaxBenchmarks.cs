using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Benchmarks.Labels;

[MemoryDiagnoser]
public class SoftmaxBenchmarks
{
    private float[] _scores = [];

    [ParamsSource(nameof(Cases))]
    public SegmentationCase Case { get; set; } = null!;

    public static IEnumerable<SegmentationCase> Cases => SegmentationCase.All;

    [GlobalSetup]
    public void Setup() => _scores = Case.Scores(Case.Photo);

    // In place: after the first call the input is probabilities, whose values do not change the work.
    [Benchmark(Baseline = true)]
    public void Scalar() => Softmax.Scalar(_scores, Case.Classes, 0);

    [Benchmark]
    public void Compute() => Softmax.Compute(_scores, Case.Classes);
}
