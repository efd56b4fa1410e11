using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>What encoding takes, of masks that are the worst: each pixel is a class of its own choice.</summary>
public sealed class EncodingBytesTests
{
    private const int Side = 512, Slack = 1 << 20;

    public static TheoryData<string, int> Kinds
    {
        get
        {
            TheoryData<string, int> kinds = [];
            foreach (MaskFormat format in MaskFormat.All)
            {
                kinds.Add(format.Name, 2);
                if (format != MaskFormat.AlphaMatte && format != MaskFormat.Cutout)
                {
                    kinds.Add(format.Name, 21);
                    kinds.Add(format.Name, 300);
                }
            }

            return kinds;
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Bytes_OfNoise_AreAtLeastWhatEncodingTakes(string name, int classes)
    {
        MaskFormat format = MaskFormat.Find(name)!;
        FormatSettings options = new() { Confidence = true, Class = "class 1", Uncompressed = true, Bits = 16 };
        long claimed = 0, grown = 16 * 1024; // what every answer begins with
        MaskContent content = Noise(format, classes, bytes => claimed += bytes);
        EncodingBytes bytes = format.Encoder.Bytes(
            new MaskExtent(content.Size.Pixels, classes, content.WideLabels.IsEmpty ? 1 : 2, Overlaps: false), options);
        using PooledBufferWriter output = new() { Growing = capacity => grown = capacity };
        long before = GC.GetAllocatedBytesForCurrentThread();

        format.Encoder.Encode(content, options, output);

        // Arrays of the pool may be old ones, which count as nothing; the answer is one of them.
        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        long counted = claimed + bytes.Buffers + Math.Max(bytes.Total - bytes.Buffers, grown);
        Assert.InRange(output.Written.Length, 0, counted);
        if (format != MaskFormat.GeoJson && format != MaskFormat.GeoPackage)
        {
            // Those two make garbage for each point, which is collected on the way.
            Assert.InRange(taken, 0, (2 * counted) + Slack);
        }

        if (bytes.IsWhole)
        {
            Assert.InRange(output.Written.Length, 0, bytes.Answer);
        }
    }

    [Fact]
    public void Encode_AnswerThatGrows_AsksBeforeEachGrowth()
    {
        MaskContent content = Noise(MaskFormat.Png, 21, _ => { });
        using PooledBufferWriter output = new() { Growing = _ => throw new SegmentationException(SegmentationError.Overloaded, "full") };

        Assert.Throws<SegmentationException>(() => MaskFormat.Png.Encoder.Encode(content, FormatSettings.Default, output));
    }

    [Theory]
    [InlineData("coco-rle")]
    [InlineData("polygons")]
    [InlineData("geojson")]
    [InlineData("gpkg")]
    public void Encode_ShapesThatTakeMuch_ClaimsItBeforeItIsTaken(string name)
    {
        MaskContent content = Noise(
            MaskFormat.Find(name)!, 21, _ => throw new SegmentationException(SegmentationError.Overloaded, "full"));
        using PooledBufferWriter output = new();
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<SegmentationException>(() => MaskFormat.Find(name)!.Encoder.Encode(content, FormatSettings.Default, output));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Slack);
    }

    private static MaskContent Noise(MaskFormat format, int classes, Action<long> claim)
    {
        ImageSize size = new(Side, Side);
        Random random = new(5);
        byte[] labels = [], confidence = new byte[size.Pixels], image = new byte[size.Pixels * 3];
        ushort[] wide = [];
        random.NextBytes(confidence);
        random.NextBytes(image);
        if (classes > 256)
        {
            wide = [.. Enumerable.Range(0, (int)size.Pixels).Select(_ => (ushort)random.Next(classes))];
        }
        else
        {
            labels = [.. Enumerable.Range(0, (int)size.Pixels).Select(_ => (byte)random.Next(classes))];
        }

        float[] probabilities = [];
        if (format.NeedsProbabilities)
        {
            probabilities = [.. Enumerable.Range(0, (int)size.Pixels * classes).Select(_ => random.NextSingle())];
        }

        LabelPlane[] planes = [new(labels)];
        if (classes > 256)
        {
            byte[] narrow = new byte[size.Pixels];
            LabelPlane.Narrow(wide, [.. Enumerable.Range(0, LabelPlane.Others)], narrow);
            planes = [new(narrow, [.. Enumerable.Range(0, LabelPlane.Others)])];
        }

        return new MaskContent
        {
            Model = "roads",
            Version = 3,
            Classes = ClassTable.Create(new ClassesManifest
            {
                Names = [.. Enumerable.Range(0, classes).Select(i => $"class {i}")], Palette = ["voc"],
            }),
            Channels = classes,
            Size = size,
            Labels = labels,
            WideLabels = wide,
            Planes = planes,
            Confidence = confidence,
            Probabilities = probabilities,
            Image = image,
            Claim = claim,
        };
    }
}
