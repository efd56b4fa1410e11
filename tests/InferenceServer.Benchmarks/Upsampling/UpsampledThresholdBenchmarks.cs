using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Benchmarks.Upsampling;

[MemoryDiagnoser]
public class UpsampledThresholdBenchmarks
{
    private readonly ImageSize _grid = new(128, 128);
    private readonly AxisTaps _taps = AxisTaps.Create(512, 512, 512, 0, 128, alignCorners: false);
    private readonly float[] _scores = new SegmentationCase("binary", default, 1).Scores(new ImageSize(128, 128));
    private readonly byte[] _labels = new byte[512 * 512];
    private readonly byte[] _confidence = new byte[512 * 512];

    [Benchmark(Baseline = true)]
    public void Compute() =>
        UpsampledThreshold.Compute(_scores, _grid, _taps, _taps, ScoreKind.Logits, 0.5f, _labels, []);

    [Benchmark]
    public void ComputeWithConfidence() =>
        UpsampledThreshold.Compute(_scores, _grid, _taps, _taps, ScoreKind.Logits, 0.5f, _labels, _confidence);
}
