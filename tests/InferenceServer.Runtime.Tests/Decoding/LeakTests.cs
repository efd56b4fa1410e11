using InferenceServer.Kernels;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using Microsoft.Extensions.Options;
using NetVips;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>What libvips holds is counted for the whole process, so these tests run alone.</summary>
[CollectionDefinition(nameof(LeakTests), DisableParallelization = true), Collection(nameof(LeakTests))]
public sealed class LeakTests
{
    private static readonly ImageDecoder Decoder = new(Options.Create(new DecodingOptions()));

    [Fact]
    public void Decode_ManyImagesAndFailures_LeavesNothingBehind()
    {
        string[] files = ["orientation-6.jpg", "srgb-profile.jpg", "broken-profile.png", "rgba.png", "animated.gif", "two-pages.tif"];
        for (int i = 0; i < 1000; i++)
        {
            byte[] file = Assets.Image(files[i % files.Length]);
            Decoder.Open(file).Dispose();
            Decoder.Decode(file, CancellationToken.None).Dispose();
            Assert.Throws<SegmentationException>(() => Decoder.Decode(file.AsMemory(0, file.Length / 3), CancellationToken.None));
            Assert.ThrowsAny<OperationCanceledException>(() => Decoder.Decode(file, new CancellationToken(canceled: true)));
            using PooledBufferWriter output = new();
            JpegFile.Write(Picture.Rgb, new ImageSize(Picture.Width, Picture.Height), output);
        }

        AssertNothingHeld();
    }

    [Fact]
    public void Open_HeaderOfAHugePicture_TakesNoMemoryForItsPixels()
    {
        DecodingOptions limits = new() { MaxPixels = long.MaxValue, MaxDecodedBytes = long.MaxValue };
        using EncodedImage image = new ImageDecoder(Options.Create(limits)).Open(Assets.Image("huge.png"));

        Assert.Equal(new ImageSize(60000, 60000), image.Size);
        Assert.InRange(Stats.Mem, 0, 16 << 20);
    }

    // Threads of libvips may still be on their way out; what leaks stays for ever.
    private static void AssertNothingHeld() => Assert.True(
        SpinWait.SpinUntil(static () => (Stats.Mem, Stats.Allocations, Stats.Files) == (0, 0, 0), TimeSpan.FromSeconds(10)),
        $"libvips holds {Stats.Mem} bytes in {Stats.Allocations} pieces, and {Stats.Files} files.");
}
