using System.Buffers;
using BenchmarkDotNet.Attributes;
using InferenceServer.Benchmarks.Bandwidth;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using NetVips;

namespace InferenceServer.Benchmarks.Encoding;

/// <summary>A picture of a street to an RGB PNG, as an overlay is, against libvips' encoder at its fastest level, which does
/// not filter.</summary>
[MemoryDiagnoser]
public class PhotoPngBenchmarks : IMovesBytes
{
    private readonly ArrayBufferWriter<byte> _output = new(1 << 26);
    private byte[] _pixels = [];
    private ImageSize _size;

    [Params("480x360", "1920x1080", "4000x3000")]
    public string Photo { get; set; } = "480x360";

    public long Bytes => _pixels.Length;

    [GlobalSetup]
    public void Setup()
    {
        int[] sides = [.. Photo.Split('x').Select(int.Parse)];
        _size = new ImageSize(sides[0], sides[1]);
        Libvips.Start();
        using Image street = Image.Thumbnail("tests/assets/street.jpg", sides[0], sides[1], size: Enums.Size.Force);
        // Enlarged pictures are smooth; the noise of a camera is what compression finds hard.
        using Image noise = Image.Gaussnoise(sides[0], sides[1], sigma: 4, mean: 0, seed: 1);
        using Image noisy = (street + noise).Cast(Enums.BandFormat.Uchar);
        _pixels = noisy.WriteToMemory<byte>();
    }

    [Benchmark(Baseline = true)]
    public void LibvipsRgb()
    {
        _output.ResetWrittenCount();
        using Image image = Libvips.Over(_pixels, _size.Width, _size.Height, bands: 3);
        using BufferWriterStream stream = new(_output);
        image.PngsaveStream(stream, compression: 1, keep: Enums.ForeignKeep.None);
    }

    [Benchmark]
    public void Write()
    {
        _output.ResetWrittenCount();
        PngFile.Write(_pixels, _size, bands: 3, _output);
    }
}
