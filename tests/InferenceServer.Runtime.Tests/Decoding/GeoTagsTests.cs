using System.Text.Json;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Runtime.Tests.Decoding;

/// <summary>Against what GDAL says of the same files; tests/assets/make_geo.py made both.</summary>
public sealed class GeoTagsTests
{
    public static TheoryData<string> Files => [.. Golden.EnumerateObject().Select(file => file.Name)];

    private static JsonElement Golden { get; } = JsonDocument.Parse(Assets.Geo("gdal.json")).RootElement;

    [Theory]
    [MemberData(nameof(Files))]
    public void Read_File_IsWhatGdalSays(string name)
    {
        JsonElement golden = Golden.GetProperty(name);

        GeoTags tags = GeoTags.Read(new TiffDirectory(Assets.Geo(name + ".tif")))!;

        double[] expected = [.. golden.GetProperty("transform").EnumerateArray().Select(n => n.GetDouble())];
        Assert.All(expected.Zip(tags.Affine!), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
        int? epsg = golden.GetProperty("epsg").ValueKind == JsonValueKind.Null ? null : golden.GetProperty("epsg").GetInt32();
        Assert.Equal(epsg, tags.Epsg);
        Assert.Equal(golden.GetProperty("geographic").GetBoolean(), tags.IsGeographic);
        Assert.Equal(name != "no-crs", tags.HasCrs);
        Assert.Equal(name.EndsWith("point", StringComparison.Ordinal), tags.IsPixelPoint);
    }

    [Fact]
    public void Read_GroundControlPoints_AreNoAffineTransform()
    {
        GeoTags tags = GeoTags.Read(new TiffDirectory(Assets.Geo("gcps.tif")))!;

        Assert.Equal(4 * 6, tags.Tiepoints.Count);
        Assert.Null(tags.Affine);
        Assert.Equal(4326, tags.Epsg);
    }

    // Whatever the bytes are, the answer is tags, or none.
    [Theory]
    [MemberData(nameof(Files))]
    public void Read_DamagedFile_Returns(string name)
    {
        byte[] file = Assets.Geo(name + ".tif");
        Random random = new(5);
        for (int i = 0; i < 2_000; i++)
        {
            byte[] damaged = file[..random.Next(4, file.Length + 1)];
            for (int change = random.Next(4); change > 0; change--)
            {
                damaged[random.Next(4, Math.Max(5, damaged.Length)) % damaged.Length] = (byte)random.Next(256);
            }

            _ = GeoTags.Read(new TiffDirectory(damaged))?.Affine;
        }
    }

    [Fact]
    public void Read_NoTags_IsNull() => Assert.Null(GeoTags.Read(new TiffDirectory(TiffWithout())));

    private static byte[] TiffWithout() => [(byte)'I', (byte)'I', 42, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
}
