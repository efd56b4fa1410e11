namespace InferenceServer.Tests.Segment;

[Collection(SharedServer.Name)]
public sealed class OrientationTests(SegmentationServer server)
{
    public static TheoryData<int> Orientations => [.. Enumerable.Range(1, 8)];

    [Theory]
    [MemberData(nameof(Orientations))]
    public async Task Segment_ExifOrientation_GivesTheMaskOfTheUprightPhotograph(int orientation)
    {
        HttpContent content = Photo.Content(Images.Read($"orientation-{orientation}.jpg"), "image/jpeg");
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/segment/tiny-labels?format=raw", content);
        byte[] mask = await response.Content.ReadAsByteArrayAsync();

        Assert.Equal($"{Images.Width}", Assert.Single(response.Headers.GetValues("X-Image-Width")));
        Assert.Equal($"{Images.Height}", Assert.Single(response.Headers.GetValues("X-Image-Height")));
        // White and black have no largest channel, so the quarters are compared: red, green, blue, and yellow, which is red by a little.
        Assert.All(Quarter(mask, 14, 4), l => Assert.Equal(0, l));
        Assert.All(Quarter(mask, 23, 4), l => Assert.Equal(1, l));
        Assert.All(Quarter(mask, 23, 18), l => Assert.Equal(2, l));
        Assert.All(Quarter(mask, 5, 18), l => Assert.Equal(0, l));
    }

    private static IEnumerable<byte> Quarter(byte[] mask, int left, int top) =>
        from y in Enumerable.Range(top, 8) from x in Enumerable.Range(left, 3) select mask[(y * Images.Width) + x];
}
