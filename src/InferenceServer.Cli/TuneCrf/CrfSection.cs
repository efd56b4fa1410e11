using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>Writes <c>postprocess.crf</c> into the text of a manifest, without changing another byte, comments
/// included.</summary>
internal static class CrfSection
{
    private const string Indent = "  ";
    private static readonly JsonReaderOptions Lenient = new()
    {
        CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true,
    };

    /// <summary>Replaces the section, or adds it where it is missing.</summary>
    /// <param name="manifest">A valid manifest.</param>
    /// <param name="crf">The new values.</param>
    public static string Replace(string manifest, CrfManifest crf)
    {
        byte[] json = Encoding.UTF8.GetBytes(manifest);
        JsonNode section = Section(crf);
        if (Find(json, "postprocess", "crf") is { } old)
        {
            return Splice(json, old, Text(section, IndentAt(json, old.Start)));
        }

        // A new member goes first in its object, where no comma is needed before the member.
        (Range parent, string name, JsonNode value) = Find(json, "postprocess") is { } postprocess
            ? (postprocess, "crf", section)
            : (Find(json)!.Value, "postprocess", new JsonObject { ["crf"] = section });
        string indent = IndentAt(json, parent.Start);
        bool empty = IsEmpty(json.AsSpan(parent));
        int open = parent.Start.Value + 1;
        string end = empty ? "\n" + indent : ",";
        return Splice(json, open..open, $"\n{indent}{Indent}\"{name}\": {Text(value, indent + Indent)}{end}");
    }

    private static JsonObject Section(CrfManifest crf)
    {
        JsonObject section = new() { ["default"] = crf.Default, ["iterations"] = crf.Iterations };
        if (crf.Gaussian is { } gaussian)
        {
            section["gaussian"] = new JsonObject { ["weight"] = gaussian.Weight, ["xy"] = gaussian.Xy };
        }

        if (crf.Bilateral is { } bilateral)
        {
            section["bilateral"] = new JsonObject
            {
                ["weight"] = bilateral.Weight, ["xy"] = bilateral.Xy, ["rgb"] = bilateral.Rgb,
            };
        }

        return section;
    }

    /// <summary>Finds the bytes of a nested member's value; without names, the bytes of the root.</summary>
    private static Range? Find(byte[] json, params string[] names)
    {
        Utf8JsonReader reader = new(json, Lenient);
        reader.Read();
        foreach (string name in names)
        {
            if (reader.TokenType != JsonTokenType.StartObject || !Enter(ref reader, name))
            {
                return null;
            }
        }

        int start = (int)reader.TokenStartIndex;
        reader.Skip();
        return start..(int)reader.BytesConsumed;
    }

    /// <summary>Moves the reader from the start of an object to the value of a member.</summary>
    private static bool Enter(ref Utf8JsonReader reader, string name)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool found = reader.ValueTextEquals(name);
            reader.Read();
            if (found)
            {
                return true;
            }

            reader.Skip();
        }

        return false;
    }

    private static bool IsEmpty(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json, Lenient);
        reader.Read();
        reader.Read();
        return reader.TokenType == JsonTokenType.EndObject;
    }

    /// <summary>The indentation of the line on which a value starts.</summary>
    private static string IndentAt(byte[] json, Index index)
    {
        int line = json.AsSpan(0, index.Value).LastIndexOf((byte)'\n') + 1;
        int blanks = json.AsSpan(line, index.Value - line).IndexOfAnyExcept((byte)' ', (byte)'\t');
        return Encoding.UTF8.GetString(json, line, blanks < 0 ? index.Value - line : blanks);
    }

    private static string Text(JsonNode node, string indent)
    {
        JsonSerializerOptions options = new() { WriteIndented = true, IndentSize = Indent.Length, NewLine = "\n" };
        return node.ToJsonString(options).Replace("\n", "\n" + indent, StringComparison.Ordinal);
    }

    private static string Splice(byte[] json, Range old, string text) =>
        Encoding.UTF8.GetString(json.AsSpan(..old.Start)) + text + Encoding.UTF8.GetString(json.AsSpan(old.End..));
}
