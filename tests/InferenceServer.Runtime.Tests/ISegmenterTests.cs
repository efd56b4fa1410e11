using System.Buffers;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Tests.Passes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace InferenceServer.Runtime.Tests;

/// <summary>The bytes of an image in, the bytes of a mask out.</summary>
public sealed class ISegmenterTests : IDisposable
{
    private static readonly ImageSize Size = new(48, 32);

    // The tiny model takes the largest channel: red is class 0, green 1, blue 2. Borders lie on its grid.
    private static readonly byte[] Labels = [.. Enumerable.Range(0, (int)Size.Pixels).Select(i => Label(i % Size.Width, i / Size.Width))];
    private static readonly byte[] Image = Photo.Png(
        Size, static (x, y) => Label(x, y) switch { 0 => (200, 40, 40), 1 => (40, 200, 40), _ => (40, 40, 200) });
    private readonly TestRuntime _runtime = new(Assets.Models);

    private ISegmenter Segmenter => _runtime.Get<ISegmenter>();

    [Fact]
    public async Task SegmentAsync_Image_IsTheMask() =>
        Assert.Equal(Labels, await Segmenter.SegmentAsync("tiny", Image, MaskFormat.Raw));

    [Fact]
    public async Task SegmentAsync_MemoryThatIsNoArray_IsTheMask()
    {
        using UnseenArray image = new(Image);

        Assert.Equal(Labels, await Segmenter.SegmentAsync("tiny", image.Memory, MaskFormat.Raw));
    }

    [Theory]
    [InlineData("none", "unknown-model")]
    [InlineData("tiny-nan", "model-not-ready")]
    [InlineData("tiny-labels", "invalid-request")] // has no confidence
    public async Task SegmentAsync_ModelThatCannotAnswer_SaysWhy(string model, string error)
    {
        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            Segmenter.SegmentAsync(model, Image, MaskFormat.Confidence));

        Assert.Equal(error, e.Error.Name);
    }

    [Fact]
    public async Task SegmentAsync_Cancelled_LeavesNothingBehind()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Segmenter.SegmentAsync("tiny", Image, MaskFormat.Png, new CancellationToken(canceled: true)));

        Assert.Equal(0, _runtime.Get<InFlightLimits>().Requests);
    }

    [Fact]
    public async Task SegmentAsync_HostThatHasJustStarted_WaitsForTheModel()
    {
        using IHost host = Build();

        await host.StartAsync();
        byte[] mask = await host.Services.GetRequiredService<ISegmenter>().SegmentAsync("tiny", Image, MaskFormat.Raw);
        await host.StopAsync();

        Assert.Equal(Labels, mask);
    }

    [Fact]
    public async Task SegmentAsync_HostThatWasNotStarted_IsRefused()
    {
        using IHost host = Build();

        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(
            () => host.Services.GetRequiredService<ISegmenter>().SegmentAsync("tiny", Image, MaskFormat.Raw));

        Assert.Equal(SegmentationError.ModelNotReady, e.Error);
    }

    public void Dispose() => _runtime.Dispose();

    private static byte Label(int x, int y) => (byte)(y < Size.Height / 2 ? 0 : x < Size.Width / 2 ? 1 : 2);

    private static IHost Build()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSegmentation(options => options.Models.Path = Assets.Models);
        return builder.Build();
    }

    /// <summary>Memory that hides its array.</summary>
    private sealed class UnseenArray(byte[] array) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => array;

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin() => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
        }
    }
}
