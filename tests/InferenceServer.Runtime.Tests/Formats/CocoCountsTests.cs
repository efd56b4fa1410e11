using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Runtime.Tests.Formats;

/// <summary>Against what pycocotools writes; tests/assets/make_format_goldens.py made the file.</summary>
public sealed class CocoCountsTests
{
    public static TheoryData<int> Cases => [.. Enumerable.Range(0, Golden.GetArrayLength())];

    private static JsonElement Golden { get; } = JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "assets", "formats", "rle.json"))).RootElement;

    [Theory]
    [MemberData(nameof(Cases))]
    public void Write_Mask_IsPycocotools(int index)
    {
        JsonElement golden = Golden[index];
        ImageSize size = new(golden.GetProperty("width").GetInt32(), golden.GetProperty("height").GetInt32());
        byte[] mask = Mask(golden.GetProperty("rows"));

        // A mask of zeros alone is no class that occurs: what is there is then its opposite.
        ColumnRuns? runs = ColumnRuns.Compute(mask, size).SingleOrDefault(r => r.Label == 1);
        List<byte> text = [];
        CocoCounts.Write(runs?.Counts ?? [mask.Length], text);

        Assert.Equal(golden.GetProperty("coco").GetString(), string.Concat(text.Select(b => (char)b)));
    }

    private static byte[] Mask(JsonElement rows) =>
        [.. rows.EnumerateArray().SelectMany((run, i) => Enumerable.Repeat((byte)(i % 2), run.GetInt32()))];
}
