using BenchmarkDotNet.Attributes;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;

namespace InferenceServer.Benchmarks.Normalization;

[MemoryDiagnoser]
public class ChannelNormalizerBenchmarks
{
    private static readonly ImageSize Size = new(2048, 1024);
    private static readonly float[] Padding = [0, 0, 0];
    private readonly byte[] _rgb = new byte[Size.Pixels * 3];
    private readonly float[] _chw = new float[Size.Pixels * 3];

    [GlobalSetup]
    public void Setup() => new Random(1).NextBytes(_rgb);

    [Benchmark(Baseline = true)]
    public void Scalar()
    {
        int plane = (int)Size.Pixels;
        ChannelNormalization imageNet = ChannelNormalization.ImageNet;
        ChannelNormalizer.Scalar(
            _rgb, _chw.AsSpan(0, plane), _chw.AsSpan(plane, plane), _chw.AsSpan(2 * plane),
            ChannelLine.Create(imageNet, 0), ChannelLine.Create(imageNet, 1), ChannelLine.Create(imageNet, 2), 0);
    }

    [Benchmark]
    public void Compute() => ChannelNormalizer.Compute(_rgb, Size, _chw, Size, 0, 0, ChannelNormalization.ImageNet, Padding);
}
