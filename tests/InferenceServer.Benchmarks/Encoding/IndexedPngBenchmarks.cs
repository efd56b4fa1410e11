using System.Buffers;
using BenchmarkDotNet.Attributes;
using InferenceServer.Benchmarks.Bandwidth;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using NetVips;

namespace InferenceServer.Benchmarks.Encoding;

/// <summary>A label map to a palette PNG, against libvips' encoder of grey PNGs at its fastest level, which
/// keeps no palette.</summary>
[MemoryDiagnoser]
public class IndexedPngBenchmarks : IMovesBytes
{
    private readonly Palette _palette = Palette.Voc(256);
    private readonly ArrayBufferWriter<byte> _output = new(1 << 22);
    private byte[] _labels = [];

    [ParamsSource(nameof(Cases))]
    public SegmentationCase Case { get; set; } = null!;

    public static IEnumerable<SegmentationCase> Cases => SegmentationCase.All;

    // The file is some hundredths of it.
    public long Bytes => Case.Photo.Pixels;

    [GlobalSetup]
    public void Setup() => _labels = Case.Labels();

    [Benchmark(Baseline = true)]
    public void LibvipsGrey()
    {
        _output.ResetWrittenCount();
        using Image image = Libvips.Over(_labels, Case.Photo.Width, Case.Photo.Height, bands: 1);
        using BufferWriterStream stream = new(_output);
        image.PngsaveStream(stream, compression: 1, keep: Enums.ForeignKeep.None);
    }

    [Benchmark]
    public void Write()
    {
        _output.ResetWrittenCount();
        PngFile.WriteIndexed(_labels, Case.Photo, _palette, _output);
    }
}
