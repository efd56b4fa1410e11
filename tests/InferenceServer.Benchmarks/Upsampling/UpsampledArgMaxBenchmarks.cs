using BenchmarkDotNet.Attributes;
using InferenceServer.Benchmarks.Bandwidth;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Benchmarks.Upsampling;

/// <summary>CamVid, Cityscapes and ADE20K at the sizes people serve, one thread.</summary>
[MemoryDiagnoser]
public class UpsampledArgMaxBenchmarks : IMovesBytes
{
    private ImageSize _grid;
    private AxisTaps _rows = null!;
    private AxisTaps _columns = null!;
    private float[] _scores = [];
    private byte[] _labels = [];
    private byte[] _confidence = [];

    [ParamsSource(nameof(Cases))]
    public SegmentationCase Case { get; set; } = null!;

    public static IEnumerable<SegmentationCase> Cases => SegmentationCase.All;

    // Scores on a grid of a quarter of each side, labels at the image's size.
    public long Bytes => (Case.Photo.Width / 4 * (Case.Photo.Height / 4) * (long)Case.Classes * sizeof(float)) + Case.Photo.Pixels;

    [GlobalSetup]
    public void Setup()
    {
        ImageSize photo = Case.Photo;
        _grid = new ImageSize(photo.Width / 4, photo.Height / 4);
        _rows = AxisTaps.Create(photo.Height, photo.Height, photo.Height, 0, _grid.Height, alignCorners: false);
        _columns = AxisTaps.Create(photo.Width, photo.Width, photo.Width, 0, _grid.Width, alignCorners: false);
        _scores = Case.Scores(_grid);
        _labels = new byte[photo.Pixels];
        _confidence = new byte[photo.Pixels];
    }

    [Benchmark(Baseline = true)]
    public void Scalar() =>
        UpsampledArgMax.Scalar(_scores, Case.Classes, _grid, _rows, _columns, ScoreKind.Logits, _labels, []);

    [Benchmark]
    public void Compute() => UpsampledArgMax.Compute(_scores, Case.Classes, _grid, _rows, _columns, _labels);

    [Benchmark]
    public void ComputeWithConfidence() =>
        UpsampledArgMax.Compute(_scores, Case.Classes, _grid, _rows, _columns, ScoreKind.Logits, _labels, _confidence);
}
