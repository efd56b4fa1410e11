using System.Buffers;

namespace Vips.Tests;

public sealed class VipsLibraryTests
{
    [Fact]
    public void Version_Loaded_IsRecentEnough()
    {
        Assert.True(VipsLibrary.Version >= new Version(8, 13, 0));   // the first that can block loaders
    }

    [Fact]
    public void Initialize_Again_DoesNothing()
    {
        VipsLibrary.Initialize();
        VipsLibrary.Initialize();
    }

    [Fact]
    public void Tracked_AfterManyImagesAndFailures_IsZero()
    {
        byte[] turned = Assets.Read("orientation-6.jpg");
        byte[] profile = Assets.Read("srgb-profile.jpg");
        byte[] broken = Assets.Read("broken-profile.png");
        ArrayBufferWriter<byte> output = new();
        for (int i = 0; i < 1000; i++)
        {
            VipsImage.OpenEncoded(turned).Dispose();
            _ = Decode.ToRgb(i % 3 == 0 ? turned : i % 3 == 1 ? profile : broken, out _, out _);
            Assert.Throws<VipsException>(() => Decode.ToRgb(turned.AsMemory(0, turned.Length / 2), out _, out _));
            Assert.Throws<VipsException>(() => VipsImage.OpenEncoded(turned.AsMemory(1)));
            output.ResetWrittenCount();
            using VipsImage picture = VipsImage.FromPixels(Assets.Picture, Assets.Width, Assets.Height, 3);
            picture.EncodePng(output, 1);
        }

        Assert.Equal((0L, 0, 0), VipsLibrary.Tracked);
    }
}
