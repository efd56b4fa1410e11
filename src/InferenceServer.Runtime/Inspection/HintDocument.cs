using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace InferenceServer.Runtime.Inspection;

/// <summary>A text that an exporter left, as a tree; a value of a wrong type counts as missing and is noted.</summary>
/// <param name="name">The origin, as shown to people, with the path within the text.</param>
/// <param name="node">The tree.</param>
/// <param name="hints">Receives the notes.</param>
internal sealed class HintDocument(string name, JsonNode? node, ExporterHints hints)
{
    private const int Deepest = 32;
    private const int MostNodes = 200_000; // aliases of YAML may repeat a part of the text
    private const int LongestQuote = 40;

    private static readonly JsonDocumentOptions Json = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
        MaxDepth = Deepest,
    };

    /// <summary>The node as text, where the node is one value.</summary>
    public string? Value => AsText(node);

    /// <summary>Parses a text; null and a note where the text is damaged or holds no keys.</summary>
    public static HintDocument? Parse(string name, string text, ExporterHints hints)
    {
        try
        {
            if (ParseTree(text, name.EndsWith(".json", StringComparison.OrdinalIgnoreCase)) is JsonObject root)
            {
                return new HintDocument(name, root, hints);
            }

            hints.Note($"{name}: expected keys and values at the top; the file is ignored.");
        }
        catch (Exception e) when (IsDamage(e))
        {
            hints.Note($"{name} cannot be read and is ignored: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}.");
        }

        return null;
    }

    /// <summary>Parses one value of a graph's metadata: JSON, or a dictionary or list in Python's form, which is YAML's
    /// flow form, too; all else is text.</summary>
    public static JsonNode? ParseValue(string text)
    {
        string trimmed = text.Trim();
        foreach (bool isJson in (bool[])[true, false])
        {
            if (!isJson && !trimmed.StartsWith('{') && !trimmed.StartsWith('['))
            {
                break;
            }

            try
            {
                return ParseTree(trimmed, isJson);
            }
            catch (Exception e) when (IsDamage(e))
            {
                // The next form, and at last plain text.
            }
        }

        return JsonValue.Create(text);
    }

    /// <summary>Reads names of classes: one on each line, a list, or an object of names by index, alone or as
    /// <c>id2label</c>.</summary>
    /// <returns>Null where the text holds no names.</returns>
    public static IReadOnlyList<string>? ParseNames(string text)
    {
        JsonNode? tree = ParseValue(text);
        if (tree is JsonObject keys && keys.TryGetPropertyValue("id2label", out JsonNode? named))
        {
            tree = named;
        }

        if (tree is JsonArray or JsonObject)
        {
            return AsNames(tree);
        }

        string[] lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return lines.Length == 0 ? null : lines;
    }

    /// <summary>The origin of values at keys of this node.</summary>
    public string Source(params ReadOnlySpan<string> keys) => Child(string.Join(", ", keys));

    /// <summary>Whether a key has a value other than null.</summary>
    public bool Has(string key) => this[key] is not null;

    /// <summary>The part at a key; null where the key is missing or holds no keys.</summary>
    public HintDocument? Section(string key)
    {
        if (this[key] is JsonObject part)
        {
            return new HintDocument(Child(key), part, hints);
        }

        return null;
    }

    /// <summary>The entries of the list at a key; none where the key is missing or holds no list.</summary>
    public IReadOnlyList<HintDocument> Items(string key)
    {
        if (this[key] is JsonArray list)
        {
            return [.. list.Select(item => new HintDocument(Child(key), item, hints))];
        }

        return [];
    }

    public string? Text(string key) => Typed(key, "a text", AsText);

    public double? Number(string key) => Typed(key, "a number", AsNumber);

    public int? Whole(string key) => Typed(key, "a whole number", AsWhole);

    public bool? Flag(string key) => Typed(key, "true or false", AsFlag);

    /// <summary>The numbers at a key: a list, or one number as a list of one.</summary>
    public IReadOnlyList<float>? Numbers(string key) => Typed(key, "numbers", AsNumbers);

    /// <summary>The names at a key: a list of texts, or texts by index from 0 on.</summary>
    public IReadOnlyList<string>? Names(string key) => Typed(key, "a name for each index from 0 on", AsNames);

    /// <summary>The whole numbers at a key.</summary>
    public IReadOnlyList<int>? Sides(string key) => Typed(key, "whole numbers", AsSides);

    private JsonNode? this[string key]
    {
        get
        {
            if (node is JsonObject keys && keys.TryGetPropertyValue(key, out JsonNode? value))
            {
                return value;
            }

            return null;
        }
    }

    private static bool IsDamage(Exception e) =>
        e is JsonException or YamlException or FormatException or InvalidOperationException or ArgumentException;

    private static JsonNode? ParseTree(string text, bool isJson)
    {
        if (isJson)
        {
            return JsonNode.Parse(text, documentOptions: Json);
        }

        return new YamlTree(text).Read();
    }

    private static double? AsNumber(JsonNode? value)
    {
        if (value is JsonValue scalar && scalar.TryGetValue(out double number) && double.IsFinite(number))
        {
            return number;
        }

        return null;
    }

    private static int? AsWhole(JsonNode? value)
    {
        if (AsNumber(value) is { } number && number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue)
        {
            return (int)number;
        }

        return null;
    }

    // Exporters also write the texts True and False.
    private static bool? AsFlag(JsonNode? value)
    {
        if (value is JsonValue scalar && scalar.TryGetValue(out bool flag))
        {
            return flag;
        }

        if (bool.TryParse(AsText(value), out flag))
        {
            return flag;
        }

        return null;
    }

    private static string? AsText(JsonNode? value)
    {
        if (value is not JsonValue scalar)
        {
            return null;
        }

        if (scalar.TryGetValue(out string? text))
        {
            return text;
        }

        return scalar.ToJsonString();
    }

    private static IReadOnlyList<float>? AsNumbers(JsonNode? value)
    {
        if (AsNumber(value) is { } one)
        {
            return [(float)one];
        }

        return AllOf(value, item => (float?)AsNumber(item));
    }

    private static IReadOnlyList<int>? AsSides(JsonNode? value) => AllOf(value, AsWhole);

    private static IReadOnlyList<T>? AllOf<T>(JsonNode? value, Func<JsonNode?, T?> convert)
        where T : struct
    {
        if (value is not JsonArray { Count: > 0 } list)
        {
            return null;
        }

        T?[] items = [.. list.Select(convert)];
        if (items.Any(item => item is null))
        {
            return null;
        }

        return [.. items.Select(item => item!.Value)];
    }

    private static IReadOnlyList<string>? AsNames(JsonNode? value)
    {
        string?[] names = [];
        if (value is JsonArray list)
        {
            names = [.. list.Select(AsText)];
        }
        else if (value is JsonObject byIndex)
        {
            names = new string?[byIndex.Count];
            foreach ((string key, JsonNode? item) in byIndex)
            {
                if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int index) || index >= names.Length)
                {
                    return null;
                }

                names[index] = AsText(item);
            }
        }

        if (names.Length == 0 || names.Any(item => item is null))
        {
            return null;
        }

        return names!;
    }

    private string Child(string key)
    {
        if (name.Contains(':', StringComparison.Ordinal))
        {
            return $"{name}.{key}";
        }

        return $"{name}: {key}";
    }

    private T? Typed<T>(string key, string expected, Func<JsonNode?, T?> convert)
        where T : class
    {
        JsonNode? value = this[key];
        T? result = convert(value);
        NoteWrongType(key, expected, value, result is null);
        return result;
    }

    private T? Typed<T>(string key, string expected, Func<JsonNode?, T?> convert)
        where T : struct
    {
        JsonNode? value = this[key];
        T? result = convert(value);
        NoteWrongType(key, expected, value, result is null);
        return result;
    }

    private void NoteWrongType(string key, string expected, JsonNode? value, bool isWrong)
    {
        if (value is null || !isWrong)
        {
            return;
        }

        string got = value.ToJsonString();
        if (got.Length > LongestQuote)
        {
            got = got[..LongestQuote] + "…";
        }

        hints.Note($"{Child(key)}: expected {expected}, got {got}; the value is ignored.");
    }

    /// <summary>Builds the tree from the events of the parser, which does not recurse; the depth and the number of
    /// nodes are limited.</summary>
    private sealed class YamlTree(string text)
    {
        private readonly Parser _parser = new(new StringReader(text));
        private readonly Dictionary<AnchorName, JsonNode?> _anchors = [];
        private int _nodes;

        public JsonNode? Read()
        {
            while (_parser.MoveNext())
            {
                if (_parser.Current is NodeEvent or AnchorAlias)
                {
                    return ReadNode(0);
                }
            }

            return null;
        }

        private JsonNode? ReadNode(int depth)
        {
            if (depth > Deepest || ++_nodes > MostNodes)
            {
                throw new FormatException("The text is nested too deeply or holds too many values.");
            }

            ParsingEvent current = _parser.Current!;
            if (current is AnchorAlias alias)
            {
                return Repeat(_anchors.GetValueOrDefault(alias.Value), depth);
            }

            JsonNode? node = current switch
            {
                MappingStart => ReadMapping(depth),
                SequenceStart => ReadSequence(depth),
                Scalar scalar => ReadScalar(scalar),
                _ => null,
            };
            if (current is NodeEvent { Anchor: { IsEmpty: false } anchor })
            {
                _anchors[anchor] = node;
            }

            return node;
        }

        private JsonObject ReadMapping(int depth)
        {
            JsonObject mapping = [];
            while (Next() is not MappingEnd)
            {
                string key = AsText(ReadNode(depth + 1)) ?? "";
                Next();
                mapping[key] = ReadNode(depth + 1);
            }

            return mapping;
        }

        private JsonArray ReadSequence(int depth)
        {
            JsonArray sequence = [];
            while (Next() is not SequenceEnd)
            {
                sequence.Add(ReadNode(depth + 1));
            }

            return sequence;
        }

        // A node has one parent, so each alias is a copy.
        private JsonNode? Repeat(JsonNode? node, int depth)
        {
            if (depth > Deepest || ++_nodes > MostNodes)
            {
                throw new FormatException("The text is nested too deeply or holds too many values.");
            }

            return node switch
            {
                JsonObject mapping => new JsonObject(mapping.Select(p => KeyValuePair.Create(p.Key, Repeat(p.Value, depth + 1)))),
                JsonArray sequence => new JsonArray([.. sequence.Select(item => Repeat(item, depth + 1))]),
                _ => node?.DeepClone(),
            };
        }

        private static JsonValue? ReadScalar(Scalar scalar)
        {
            if (scalar.Style != ScalarStyle.Plain)
            {
                return JsonValue.Create(scalar.Value);
            }

            if (scalar.Value is "" or "~" or "null" or "Null" or "NULL")
            {
                return null;
            }

            if (bool.TryParse(scalar.Value, out bool flag))
            {
                return JsonValue.Create(flag);
            }

            bool isNumber = double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number);
            if (isNumber && double.IsFinite(number))
            {
                return JsonValue.Create(number);
            }

            return JsonValue.Create(scalar.Value);
        }

        private ParsingEvent Next()
        {
            if (_parser.MoveNext())
            {
                return _parser.Current!;
            }

            throw new FormatException("The text ends early.");
        }
    }
}
