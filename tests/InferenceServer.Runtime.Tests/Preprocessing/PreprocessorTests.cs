using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Tests.Preprocessing;

public class PreprocessorTests
{
    private static readonly ResizeManifest AsIs = new() { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = false };

    [Theory]
    [InlineData(ChannelOrder.Rgb)]
    [InlineData(ChannelOrder.Bgr)]
    [InlineData(ChannelOrder.Rgb, 0f)]
    [InlineData(ChannelOrder.Bgr, 0f)]
    [InlineData(ChannelOrder.Bgr, 114f)]
    [InlineData(ChannelOrder.Bgr, 124f, 116.5f, 104f)]
    public void Prepare_PaddedImage_EqualsTheFormula(ChannelOrder color, params float[] value)
    {
        PreprocessManifest preprocess = InputSizingTests.Preprocess(AsIs, 32, 0) with
        {
            Color = color,
            Pad = new PadManifest { Where = PadPosition.Center, Value = PadValue.Color(value) },
        };
        ImageSize size = new(21, 13);
        byte[] rgb = new byte[size.Pixels * 3];
        new Random(7).NextBytes(rgb);
        Preprocessor preprocessor = new(preprocess, TensorLayout.Float32Nchw(3));
        InputGeometry geometry = preprocessor.Plan(size);

        using InputTensor input = preprocessor.Prepare(rgb, geometry);

        for (int c = 0; c < 3; c++)
        {
            int channel = color == ChannelOrder.Rgb ? c : 2 - c;
            for (int y = 0; y < 32; y++)
            {
                for (int x = 0; x < 32; x++)
                {
                    (int px, int py) = (x - geometry.Left, y - geometry.Top);
                    bool inside = px >= 0 && px < size.Width && py >= 0 && py < size.Height;
                    double expected = 0;
                    if (inside)
                    {
                        expected = Normal(rgb[(((py * size.Width) + px) * 3) + channel], c);
                    }
                    else if (value.Length > 0)
                    {
                        expected = Normal(value[Math.Min(c, value.Length - 1)], c);
                    }

                    Assert.Equal(expected, input.Values.Span[(c * 1024) + (y * 32) + x], 1e-5);
                }
            }
        }

        double Normal(double pixel, int c) => ((pixel * (double)preprocess.Scale!) - preprocess.Mean[c]) / preprocess.Std[c];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Prepare_ResizedImage_UsesTheLibraryThatTheManifestNames(bool antialias)
    {
        ImageSize size = new(64, 48), small = new(40, 30);
        byte[] rgb = new byte[size.Pixels * 3], expected = new byte[small.Pixels * 3];
        new Random(8).NextBytes(rgb);
        PreprocessManifest preprocess = InputSizingTests.Preprocess(
            new ResizeManifest
            {
                Mode = ResizeMode.ShortSide,
                Size = [30],
                Filter = ResizeFilter.Bilinear,
                Antialias = antialias,
            },
            1, 0) with
        {
            Scale = 1,
            Mean = [0, 0, 0],
            Std = [1, 1, 1],
            Size = new SizeManifest { Multiple = 1, Min = 1 },
        };
        if (antialias)
        {
            PillowResizer.Resize(rgb, size, expected, small, ResizeFilter.Bilinear);
        }
        else
        {
            OpenCvResizer.Resize(rgb, size, expected, small, ResizeFilter.Bilinear);
        }

        Preprocessor preprocessor = new(preprocess, TensorLayout.Float32Nchw(3));
        using InputTensor input = preprocessor.Prepare(rgb, preprocessor.Plan(size));

        Assert.Equal(small, input.Size);
        for (int i = 0; i < small.Pixels; i++)
        {
            Assert.Equal(expected[(i * 3) + 1], input.Values.Span[(int)small.Pixels + i]);
        }
    }
}
