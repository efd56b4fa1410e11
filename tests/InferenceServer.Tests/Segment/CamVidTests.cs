namespace InferenceServer.Tests.Segment;

[Collection(SharedServer.Name)]
public sealed class CamVidTests(SegmentationServer server)
{
    [CamVidFact]
    public async Task Segment_RealPhotographs_GiveMasksOfTheirSize()
    {
        string[] photos = [.. Directory.EnumerateFiles(CamVidFactAttribute.Folder!, "*.*", SearchOption.AllDirectories)
            .Where(f => f.Contains("val", StringComparison.Ordinal) && f.EndsWith(".jpg", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).Take(5)];

        Assert.NotEmpty(photos);
        foreach (string photo in photos)
        {
            using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny", Photo.Content(await File.ReadAllBytesAsync(photo), "image/jpeg"));
            PngImage mask = PngImage.Read(await response.Content.ReadAsByteArrayAsync());
            Assert.Equal(mask.Width * mask.Height, mask.Samples.Length);
            Assert.Equal((480, 360), (mask.Width, mask.Height));
        }
    }
}
