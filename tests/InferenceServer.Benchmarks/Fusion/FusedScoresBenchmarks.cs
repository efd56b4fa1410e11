using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Fusion;
using InferenceServer.Kernels.Upsampling;

namespace InferenceServer.Benchmarks.Fusion;

/// <summary>What one pass adds at the image's resolution, from a grid of a quarter of each side; one thread.</summary>
[MemoryDiagnoser]
public class FusedScoresBenchmarks
{
    private ImageSize _grid;
    private AxisTaps _rows = null!;
    private AxisTaps _columns = null!;
    private float[] _scores = [];
    private float[] _sums = [];
    private float[] _rowWeights = [];
    private float[] _columnWeights = [];

    [ParamsSource(nameof(Cases))]
    public SegmentationCase Case { get; set; } = null!;

    [Params(ScoreFusion.Add, ScoreFusion.AddSoftmax, ScoreFusion.Max)]
    public ScoreFusion Fusion { get; set; }

    public static IEnumerable<SegmentationCase> Cases => SegmentationCase.All;

    [GlobalSetup]
    public void Setup()
    {
        ImageSize photo = Case.Photo;
        _grid = new ImageSize(photo.Width / 4, photo.Height / 4);
        _rows = AxisTaps.Create(photo.Height, photo.Height, photo.Height, 0, _grid.Height, alignCorners: false);
        _columns = AxisTaps.Create(photo.Width, photo.Width, photo.Width, 0, _grid.Width, alignCorners: false);
        _scores = Case.Scores(_grid);
        _sums = new float[photo.Pixels * Case.Classes];
        (_rowWeights, _columnWeights) = (new float[photo.Height], new float[photo.Width]);
        Array.Fill(_rowWeights, 0.5f);
        Array.Fill(_columnWeights, 0.5f);
    }

    [Benchmark(Baseline = true)]
    public void Scalar()
    {
        using ExpandedRows expanded = new(_scores, _grid, Case.Classes, _columns);
        for (int y = 0; y < _rows.Count; y++)
        {
            FusedRow.Scalar(
                expanded.At(_rows, y), Fusion, _rowWeights[y], _columnWeights, _sums.AsSpan(y * Case.Photo.Width),
                (int)Case.Photo.Pixels, start: 0);
        }
    }

    [Benchmark]
    public void Add() => FusedScores.Add(
        _scores, _grid, _rows, _columns, Fusion, _rowWeights, _columnWeights, ScoreCanvas.Planes(_sums, Case.Classes, Case.Photo), 0, 0);
}
