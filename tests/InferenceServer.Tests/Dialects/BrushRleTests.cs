using System.Text.Json;
using InferenceServer.Dialects.LabelStudio;

namespace InferenceServer.Tests.Dialects;

/// <summary>Against what Label Studio's converter writes; tests/assets/make_format_goldens.py made the file.</summary>
public sealed class BrushRleTests
{
    public static TheoryData<int> Cases => [.. Enumerable.Range(0, Golden.GetArrayLength())];

    private static JsonElement Golden { get; } = JsonDocument.Parse(
        File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "formats", "rle.json"))).RootElement;

    [Theory]
    [MemberData(nameof(Cases))]
    public void Encode_Mask_IsTheConverters(int index)
    {
        byte[] mask =
        [
            .. Golden[index]
                .GetProperty("rows")
                .EnumerateArray()
                .SelectMany((run, i) => Enumerable.Repeat((byte)(i % 2), run.GetInt32()))
        ];

        Assert.Equal(Golden[index].GetProperty("label_studio").GetString(), Convert.ToHexStringLower(BrushRle.Encode(mask, 1)));
    }

    /// <summary>The inverse, written from the description of the format.</summary>
    internal static byte[] Decode(byte[] rle)
    {
        int at = 0;
        byte[] values = new byte[Read(32)];
        int word = Read(5) + 1;
        int[] sizes = [.. Enumerable.Range(0, 4).Select(_ => Read(4) + 1)];
        for (int i = 0; i < values.Length;)
        {
            bool repeats = Read(1) == 1;
            int end = i + 1 + Read(sizes[Read(2)]);
            byte value = repeats ? (byte)Read(word) : (byte)0;
            for (; i < end; i++)
            {
                values[i] = repeats ? value : (byte)Read(word);
            }
        }

        return values;

        int Read(int bits)
        {
            int value = 0;
            for (; bits > 0; bits--, at++)
            {
                value = (value << 1) | ((rle[at / 8] >> (7 - (at % 8))) & 1);
            }

            return value;
        }
    }
}
