using BenchmarkDotNet.Attributes;
using InferenceServer.Benchmarks.Bandwidth;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;

namespace InferenceServer.Benchmarks.Normalization;

[MemoryDiagnoser]
public class ChannelNormalizerBenchmarks : IMovesBytes
{
    private const int Channels = 3;
    private static readonly float[] Padding = [0, 0, 0];

    private byte[] _rgb = [];
    private float[] _chw = [];

    [ParamsSource(nameof(Cases))]
    public SegmentationCase Case { get; set; } = null!;

    public static IEnumerable<SegmentationCase> Cases => SegmentationCase.All;

    public long Bytes => Case.Photo.Pixels * Channels * (sizeof(byte) + sizeof(float));

    [GlobalSetup]
    public void Setup()
    {
        _rgb = new byte[Case.Photo.Pixels * Channels];
        _chw = new float[Case.Photo.Pixels * Channels];
        new Random(1).NextBytes(_rgb);
    }

    [Benchmark(Baseline = true)]
    public void Scalar()
    {
        int plane = (int)Case.Photo.Pixels;
        ChannelNormalization imageNet = ChannelNormalization.ImageNet;
        ChannelNormalizer.Scalar(
            _rgb, _chw.AsSpan(0, plane), _chw.AsSpan(plane, plane), _chw.AsSpan(2 * plane),
            ChannelLine.Create(imageNet, 0), ChannelLine.Create(imageNet, 1), ChannelLine.Create(imageNet, 2), 0);
    }

    [Benchmark]
    public void Compute() => ChannelNormalizer.Compute(_rgb, Case.Photo, _chw, Case.Photo, 0, 0, ChannelNormalization.ImageNet, Padding);
}
