using System.Buffers.Binary;
using InferenceServer.Runtime.Decoding;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>Strips and tiles that are damaged, left out or packed in an unknown way, in both byte orders and both
/// sizes of offsets.</summary>
public sealed class TiffTests
{
    private const int FirstPart = 0, SecondPart = 1, ThirdPart = 2;
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));

    public static TheoryData<bool, bool, bool> Kinds
    {
        get
        {
            TheoryData<bool, bool, bool> kinds = [];
            for (int i = 0; i < 8; i++)
            {
                kinds.Add((i & 1) != 0, (i & 2) != 0, (i & 4) != 0);
            }

            return kinds;
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Decode_WholeFile_GivesItsPixels(bool tiled, bool bigEndian, bool big) => AssertPixels(new TiffFile(tiled, bigEndian, big));

    [Theory, MemberData(nameof(Kinds))]
    public void Decode_SparseFile_IsZeroWhereAPartIsLeftOut(bool tiled, bool bigEndian, bool big)
    {
        AssertPixels(new TiffFile(tiled, bigEndian, big) { Missing = FirstPart });
        AssertPixels(new TiffFile(tiled, bigEndian, big) { Missing = SecondPart });
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Decode_DamagedPart_IsRefused(bool tiled, bool bigEndian, bool big)
    {
        TiffFile file = new(tiled, bigEndian, big) { Damaged = ThirdPart };

        Assert.Contains("damaged", Refusal(file.Encode(), SegmentationError.UndecodableImage), StringComparison.Ordinal);
        Refusal((file with { Missing = SecondPart }).Encode(), SegmentationError.UndecodableImage);
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Decode_CutFile_IsRefused(bool tiled, bool bigEndian, bool big)
    {
        TiffFile whole = new(tiled, bigEndian, big);
        foreach (byte[] file in new[] { whole.Encode(), (whole with { Missing = SecondPart }).Encode() })
        {
            for (int length = 4; length < file.Length - 8; length += 7)
            {
                Assert.Contains("ends early", Refusal(file[..length], SegmentationError.UndecodableImage), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData(34712, "34712 (JPEG 2000)")]
    [InlineData(34887, "34887 (LERC)")]
    [InlineData(34925, "34925 (LZMA)")]
    [InlineData(65000, "65000")]
    public void Decode_UnknownCompression_IsNamed(int compression, string name)
    {
        TiffFile file = new(Compression: compression);

        Assert.Contains(
            "compression " + name + ",", Refusal(file.Encode(), SegmentationError.UnsupportedMediaType),
            StringComparison.Ordinal);
        Refusal((file with { Tiled = true }).Encode(), SegmentationError.UnsupportedMediaType);
        Refusal((file with { Tiled = true, Missing = FirstPart }).Encode(), SegmentationError.UnsupportedMediaType);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Decode_ListsThatLeaveTheFile_AreDamageAndNothingWorse(bool tiled)
    {
        byte[] whole = (new TiffFile(tiled) { Missing = SecondPart }).Encode();
        int directory = BinaryPrimitives.ReadInt32LittleEndian(whole.AsSpan(4));
        int entries = BinaryPrimitives.ReadInt16LittleEndian(whole.AsSpan(directory));
        foreach (uint count in (uint[])[0, 1, 1000, int.MaxValue, uint.MaxValue])
        {
            for (int first = 0; first < entries; first++)
            {
                for (int second = first; second < entries; second++)
                {
                    byte[] file = [.. whole];
                    BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(directory + 6 + (12 * first)), count);
                    BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(directory + 6 + (12 * second)), uint.MaxValue);
                    Assert.True(
                        Record.Exception(() =>
                            Decoder.Decode(file, CancellationToken.None).Dispose()) is null or SegmentationException);
                }
            }
        }
    }

    [Fact]
    public void Decode_LeftOutPartsAndListsBeyondTheFile_IsRefused()
    {
        byte[] file = Convert.FromBase64String(
            "SUkqAAgAAAAOAAABAwABAAAAMAAAAAEBAwABAAAAIAAAAAIBAwADAAAAtgAAAAMBAwABAAAACAAAAAYBAwABAAAAAgAAABEBBAD/////CgEAAB" +
            "UBAwABAAAAAwAAABYBBAABAAAAIAAAABcBBAD///9/LgAAABwBAwABAAAAAQAAAD0BAwABAAAAAQAAAFMBAwADAAAAvAAAAA6DDAADAAAAwgAA" +
            "AAEBAwABAAAAIAAAAAAAAAAIAAgACAABAAEAAQAAAAAAAAAAQAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" +
            "BZQAAAAAAAAGlAAAAAAAAAAAB4nO3OQQkAAAzDQDv1r6KypmIw2EHe4ZpUkiTpU+dGPDw8PDw8PDzLngHAWZBb");

        Refusal(file, SegmentationError.UndecodableImage);
    }

    private static void AssertPixels(TiffFile file)
    {
        using RgbImage image = Decoder.Decode(file.Encode(), CancellationToken.None);

        IEnumerable<int> side = Enumerable.Range(0, TiffFile.Side);
        IEnumerable<byte> expected = from y in side from x in side from band in new byte[3] select file.Shade(x, y);
        Assert.Equal(expected, image.Pixels.ToArray());
    }

    private static string Refusal(byte[] file, SegmentationError error)
    {
        SegmentationException e = Assert.Throws<SegmentationException>(() => Decoder.Decode(file, CancellationToken.None).Dispose());
        Assert.Equal(error, e.Error);
        return e.Message;
    }
}
