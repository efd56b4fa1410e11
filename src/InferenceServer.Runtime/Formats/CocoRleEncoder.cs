using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Formats;

/// <summary>A COCO data set of one image, with a category and a run-length encoded annotation for each class in the
/// mask.</summary>
internal sealed class CocoRleEncoder : IMaskEncoder
{
    private const int Image = 1;
    private const int RunBytes = 24; // two lengths, in lists that grow

    public EncodingBytes Bytes(in MaskExtent mask, FormatSettings options) =>
        EncodingBytes.Few;

    public void Encode(MaskContent content, FormatSettings options, IBufferWriter<byte> output)
    {
        content.Claim(RunBytes * content.Planes.Sum(plane => Runs.InColumns(plane.Values.Span, content.Size)));
        MaskSummary summary = MaskSummary.Of(content);
        using Utf8JsonWriter json = JsonText.Create(output);
        json.WriteStartObject();
        json.WriteStartObject("info"u8);
        json.WriteString("model"u8, summary.Model);
        json.WriteNumber("model_version"u8, summary.Version);
        json.WriteEndObject();
        json.WriteStartArray("images"u8);
        json.WriteStartObject();
        json.WriteNumber("id"u8, Image);
        json.WriteNumber("width"u8, summary.Width);
        json.WriteNumber("height"u8, summary.Height);
        json.WriteEndObject();
        json.WriteEndArray();
        WriteCategories(json, summary);
        json.WriteStartArray("annotations"u8);
        List<byte> text = [];
        Dictionary<(LabelPlane, byte), ColumnRuns> all = content.Planes
            .SelectMany(plane => ColumnRuns.Compute(plane.Values.Span, content.Size), (plane, runs) => (plane, runs))
            .ToDictionary(found => (found.plane, found.runs.Label), found => found.runs);
        foreach (ClassSummary of in summary.Classes)
        {
            ColumnRuns runs = all[(of.Plane, of.Value)];
            json.WriteStartObject();
            WriteAnnotation(json, of, id: of.Index + 1);
            json.WriteStartObject("segmentation"u8);
            WriteNumbers(json, "size"u8, [summary.Height, summary.Width]);
            if (options.Uncompressed)
            {
                WriteNumbers(json, "counts"u8, runs.Counts);
            }
            else
            {
                text.Clear();
                CocoCounts.Write(runs.Counts, text);
                json.WriteString("counts"u8, CollectionsMarshal.AsSpan(text));
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteCategories(Utf8JsonWriter json, MaskSummary summary)
    {
        json.WriteStartArray("categories"u8);
        foreach (ClassSummary of in summary.Classes)
        {
            json.WriteStartObject();
            json.WriteNumber("id"u8, of.Index);
            json.WriteString("name"u8, of.Name);
            json.WriteString("color"u8, of.Color);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteAnnotation(Utf8JsonWriter json, ClassSummary of, int id)
    {
        json.WriteNumber("id"u8, id);
        json.WriteNumber("image_id"u8, Image);
        json.WriteNumber("category_id"u8, of.Index);
        json.WriteNumber("iscrowd"u8, 0); // as in COCO-Stuff: a class is not a crowd of objects
        json.WriteNumber("area"u8, of.Pixels);
        WriteNumbers(json, "bbox"u8, [of.Box.X, of.Box.Y, of.Box.Width, of.Box.Height]);
    }

    private static void WriteNumbers(Utf8JsonWriter json, ReadOnlySpan<byte> name, IEnumerable<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (int number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }
}

/// <summary>COCO's text for run lengths: each is the difference to the length before the last, in six bits a
/// character, the lowest bits first.</summary>
/// <remarks>The same text as <c>rleToString</c> of cocodataset/cocoapi writes.</remarks>
internal static class CocoCounts
{
    private const int FirstCharacter = '0';
    private const int ValueBits = 5;
    private const int More = 1 << ValueBits;
    private const int Sign = 1 << (ValueBits - 1);

    /// <param name="counts">The run lengths.</param>
    /// <param name="text">The text that the characters are appended to.</param>
    public static void Write(IReadOnlyList<int> counts, List<byte> text)
    {
        for (int i = 0; i < counts.Count; i++)
        {
            // The first three lengths are not differences.
            int value = i > 2 ? counts[i] - counts[i - 2] : counts[i];
            bool isLast;
            do
            {
                int bits = value & (More - 1);
                value >>= ValueBits;
                isLast = value == ((bits & Sign) != 0 ? -1 : 0);
                text.Add((byte)(FirstCharacter + bits + (isLast ? 0 : More)));
            }
            while (!isLast);
        }
    }
}
