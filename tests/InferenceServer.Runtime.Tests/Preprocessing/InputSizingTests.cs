using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Tests.Preprocessing;

public class InputSizingTests
{
    [Theory]
    [InlineData(nameof(ResizeMode.None), null, 1, 0, 640, 427, 640, 427, 640, 427)]
    [InlineData(nameof(ResizeMode.None), null, 32, 0, 640, 427, 640, 427, 640, 448)]
    [InlineData(nameof(ResizeMode.None), null, 8, 1, 480, 360, 480, 360, 481, 361)] // PSPNet
    [InlineData(nameof(ResizeMode.None), null, 8, 1, 473, 473, 473, 473, 473, 473)]
    [InlineData(nameof(ResizeMode.ShortSide), 520, 1, 0, 640, 427, 779, 520, 779, 520)] // torchvision cuts 779.39
    [InlineData(nameof(ResizeMode.ShortSide), 520, 1, 0, 427, 640, 520, 779, 520, 779)]
    [InlineData(nameof(ResizeMode.LongSide), 513, 1, 0, 500, 375, 513, 385, 513, 385)] // OpenCV rounds 384.75
    [InlineData(nameof(ResizeMode.LongSidePad), 513, 1, 0, 500, 375, 513, 385, 513, 513)]
    [InlineData(nameof(ResizeMode.Exact), 512, 32, 0, 500, 375, 512, 512, 512, 512)]
    [InlineData(nameof(ResizeMode.None), null, 1, 0, 1, 1, 1, 1, 32, 32)] // min
    public void Plan_ByMode_GivesResizedAndLegalSizes(
        string mode, int? side, int multiple, int offset, int width, int height, int resizedWidth, int resizedHeight,
        int inputWidth, int inputHeight)
    {
        InputSizing sizing = new(
            Preprocess(
                new ResizeManifest
                {
                    Mode = Enum.Parse<ResizeMode>(mode),
                    Size = side is { } s ? [s] : null,
                    Filter = ResizeFilter.Bilinear,
                    Antialias = true,
                },
                multiple, offset));

        InputGeometry geometry = sizing.Plan(new ImageSize(width, height));

        Assert.Equal(new ImageSize(width, height), geometry.Image);
        Assert.Equal(new ImageSize(resizedWidth, resizedHeight), geometry.Resized);
        Assert.Equal(new ImageSize(inputWidth, inputHeight), geometry.Input);
        Assert.Equal((0, 0), (geometry.Left, geometry.Top));
    }

    [Theory]
    [InlineData(32, 0, 128, 640, 448, 640, 512)] // rows are padded to the next bucket
    [InlineData(24, 0, 64, 100, 100, 192, 192)] // what both steps divide
    [InlineData(8, 1, 64, 480, 360, 513, 385)]
    [InlineData(32, 0, 1, 640, 448, 640, 448)]
    public void Plan_Buckets_PadFurtherOnTheRightAndBelow(
        int multiple, int offset, int bucket, int width, int height, int bucketWidth, int bucketHeight)
    {
        InputSizing sizing = new(
            Preprocess(
                new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true },
                multiple, offset),
            bucket);

        InputGeometry geometry = sizing.Plan(new ImageSize(width, height));

        Assert.Equal(new ImageSize(bucketWidth, bucketHeight), geometry.Bucket);
        Assert.Equal((0, 0), (geometry.Left, geometry.Top));
    }

    [Theory]
    [InlineData(1, 5000)]
    [InlineData(5000, 1)]
    [InlineData(1, 1)]
    [InlineData(20_000, 5_000)]
    [InlineData(60_000, 1_600)]
    [InlineData(1, 1_000_000)]
    [InlineData(65_535, 1)]
    public void Plan_AnyShape_BoundsWhatTheNetworkSees(int width, int height)
    {
        const long maxPixels = 100_000;
        foreach (ResizeMode mode in (ResizeMode[])[ResizeMode.None, ResizeMode.ShortSide, ResizeMode.LongSide])
        {
            ResizeManifest resize = new()
            {
                Mode = mode,
                Size = mode == ResizeMode.None ? null : [520],
                Filter = ResizeFilter.Bilinear,
                Antialias = true,
                MaxPixels = maxPixels,
            };
            InputGeometry geometry = new InputSizing(Preprocess(resize, 1, 0)).Plan(new ImageSize(width, height));
            Assert.InRange(geometry.Resized.Pixels, 1, maxPixels);
            Assert.InRange(geometry.Input.Pixels, 1, 2 * maxPixels); // with padding
            Assert.True(geometry.Resized.Width >= 1 && geometry.Resized.Height >= 1);
        }
    }

    [Fact]
    public void Plan_CenteredPadding_PutsHalfRoundedDownBefore()
    {
        PreprocessManifest preprocess = Preprocess(
            new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = false },
            32,
            0) with
        {
            Pad = new PadManifest { Where = PadPosition.Center },
        };

        InputGeometry geometry = new InputSizing(preprocess).Plan(new ImageSize(61, 33));

        Assert.Equal(new ImageSize(64, 64), geometry.Input);
        Assert.Equal((1, 15), (geometry.Left, geometry.Top));
    }

    [Fact]
    public void Plan_FixedSize_PadsToIt()
    {
        PreprocessManifest preprocess = Preprocess(
            new ResizeManifest
            {
                Mode = ResizeMode.LongSide,
                Size = [64],
                Filter = ResizeFilter.Bilinear,
                Antialias = true,
            },
            1, 0) with
        {
            Size = new SizeManifest { Multiple = 1, Fixed = [64, 96] },
        };

        InputGeometry geometry = new InputSizing(preprocess).Plan(new ImageSize(200, 100));

        Assert.Equal(new ImageSize(64, 32), geometry.Resized);
        Assert.Equal(new ImageSize(96, 64), geometry.Input);
    }

    internal static PreprocessManifest Preprocess(ResizeManifest resize, int multiple, int offset) => new()
    {
        Color = ChannelOrder.Rgb,
        Scale = 1 / 255f,
        Mean = [0.5f, 0.25f, 0],
        Std = [1, 0.5f, 2],
        Resize = resize,
        Size = new SizeManifest { Multiple = multiple, Offset = offset },
        Pad = new PadManifest(),
    };
}
