using System.Text.Json.Nodes;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Tests.Models;
using InferenceServer.Runtime.Tests.Passes;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace InferenceServer.Runtime.Tests.Adaptation;

/// <summary>Graphs in the forms that exporters give are served right, or refused with the remedy.</summary>
public sealed class ExporterFormsTests : IDisposable
{
    private readonly ModelsFolder _models = new();

    public static TheoryData<string> Forms => [.. ExporterForm.Names];

    public void Dispose() => _models.Dispose();

    [Theory, MemberData(nameof(Forms))]
    public async Task Serve_FormWithItsManifest_IsRightOrRefusedWithTheRemedy(string name)
    {
        ExporterForm form = new(name);
        form.CopyTo(_models, form.Manifest);
        using TestRuntime runtime = new(_models.Path);
        ModelEntry entry = Assert.Single(runtime.Repository.Entries);

        if (form.Refused is { } words)
        {
            Assert.Equal(ModelState.Unavailable, entry.State);
            Assert.Contains(words, entry.Reason, StringComparison.Ordinal);
            return;
        }

        Assert.True(entry.State == ModelState.Ready, entry.Reason);
        if (form.Warning is { } warning)
        {
            Assert.Contains(entry.Model!.Warnings, w => w.Contains(warning, StringComparison.Ordinal));
        }

        if (form.Channels is { } channels)
        {
            Assert.Equal(channels, entry.Model!.Session.Layout.Channels);
            return;
        }

        byte[] mask = await runtime.Get<ISegmenter>().SegmentAsync(name, form.Image, MaskFormat.Raw);

        double agreement = form.Agreement(mask);
        Assert.True(form.IsForDraftsOnly || agreement >= form.Least, $"{agreement:F2} % of the labels are right, expected {form.Least} %");
    }

    [Theory, MemberData(nameof(Forms))]
    public async Task Serve_EightImagesAtOnce_EachMaskIsTheOneGivenAlone(string name)
    {
        ExporterForm form = new(name);
        JsonObject manifest = form.Manifest;
        if (form.Refused is not null || form.Channels is not null)
        {
            return; // no masks
        }

        manifest["graph"]!["max_batch"] = 8;
        form.CopyTo(_models, manifest);
        using TestRuntime runtime = new(_models.Path, ("Batching:MaxBatchSize", "8"), ("Batching:MaxQueueDelay", "00:00:00.02"));
        ModelEntry entry = Assert.Single(runtime.Repository.Entries);
        if (entry.State != ModelState.Ready)
        {
            Assert.Contains("graph.max_batch", entry.Reason, StringComparison.Ordinal); // a batch axis of 1
            return;
        }

        byte[][] images = [.. Variants(form.Image)];
        List<byte[]> alone = [];
        foreach (byte[] image in images)
        {
            alone.Add(await runtime.Get<ISegmenter>().SegmentAsync(name, image, MaskFormat.Raw));
        }

        byte[][] together = await Task.WhenAll(images.Select(i => runtime.Get<ISegmenter>().SegmentAsync(name, i, MaskFormat.Raw)));

        Assert.All(alone.Zip(together), pair => Assert.Equal(pair.First, pair.Second));
    }

    [Fact]
    public async Task Serve_ScoresAboveTwoGigabytes_AreRefusedBeforeTheNetworkRuns()
    {
        ExporterForm form = new("classes_256");
        form.CopyTo(_models, form.Manifest);
        using TestRuntime runtime = new(_models.Path);
        Assert.Contains(
            Assert.Single(runtime.Repository.Entries).Model!.Warnings,
            w => w.StartsWith("preprocess.resize.max_pixels", StringComparison.Ordinal));
        byte[] large = Photo.Png(new ImageSize(2048, 2048), (_, _) => (0, 0, 0));

        SegmentationException e = await Assert.ThrowsAsync<SegmentationException>(() =>
            runtime.Get<ISegmenter>().SegmentAsync("classes_256", large, MaskFormat.Raw));

        Assert.Equal(SegmentationError.TooManyPixels, e.Error);
        Assert.Contains("mode=slide", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_FolderOfOneModel_ServesThatModel()
    {
        ExporterForm form = new("base_nchw_f32");
        form.CopyTo(_models, form.Manifest);
        using TestRuntime runtime = new(_models.Combine(form.Name) + Path.DirectorySeparatorChar);

        byte[] mask = await runtime.Get<ISegmenter>().SegmentAsync(form.Name, form.Image, MaskFormat.Raw);

        Assert.Equal(100, form.Agreement(mask));
    }

    [Fact]
    public void Serve_PlainGraph_RunsTheFileAsItIs()
    {
        ExporterForm form = new("base_nchw_f32");
        form.CopyTo(_models, form.Manifest);
        using TestRuntime runtime = new(_models.Path);

        Assert.Empty(Assert.Single(runtime.Repository.Entries).Model!.Graph.Added);
    }

    // The image, brighter, darker and flat: a network that mixes images of a batch shows it.
    private static IEnumerable<byte[]> Variants(byte[] png)
    {
        foreach (float brightness in (float[])[1, 0.3f, 2, 0.6f])
        {
            foreach (float contrast in (float[])[1, 0.2f])
            {
                using Image<Rgb24> image = Image.Load<Rgb24>(png);
                image.Mutate(i => i.Brightness(brightness).Contrast(contrast));
                using MemoryStream stream = new();
                image.SaveAsPng(stream);
                yield return stream.ToArray();
            }
        }
    }
}
