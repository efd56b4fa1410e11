using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace InferenceServer.Runtime.Manifests;

/// <summary>Reads <c>model.json</c>: strict JSON, every key known, every value in its range.</summary>
internal static partial class ManifestReader
{
    /// <summary>Name of the file that holds a model's manifest.</summary>
    public const string FileName = "model.json";

    /// <summary>Key of the metadata property that may hold a manifest.</summary>
    public const string MetadataKey = "segmentation.manifest";

    private const int MostBytes = 1 << 22; // a manifest with a thousand classes has fifty kilobytes
    private const int Deepest = 16;

    // Comments and trailing commas are allowed: people write these files by hand.
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        MaxDepth = Deepest,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { FormerKeys.Accept } },
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>Reads and checks the manifest of the model in <paramref name="folder"/>.</summary>
    /// <exception cref="ManifestException">The file is missing, is not JSON, or has wrong keys or values; the message
    /// names all of them.</exception>
    public static ModelManifest Read(string folder)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        string file = $"{name}/{FileName}";
        try
        {
            using FileStream stream = File.OpenRead(Path.Combine(folder, FileName));
            CheckLength(stream.Length, file);
            return Parse(JsonSerializer.Deserialize<ModelManifest>(stream, Json), file, name);
        }
        catch (FileNotFoundException)
        {
            throw new ManifestException(file, ["the file does not exist; write one, or draft it with `inference-server inspect`"]);
        }
        catch (JsonException e)
        {
            throw new ManifestException(file, [Explain(e)]);
        }
    }

    /// <summary>Reads and checks a manifest that a graph carries in its metadata.</summary>
    /// <exception cref="ManifestException">The text is not JSON, or has wrong keys or values; the message names all of
    /// them.</exception>
    public static ModelManifest ReadEmbedded(string json, string folder)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));
        string file = $"{name}: {MetadataKey}";
        try
        {
            CheckLength(json.Length, file);
            return Parse(JsonSerializer.Deserialize<ModelManifest>(json, Json), file, name);
        }
        catch (JsonException e)
        {
            throw new ManifestException(file, [Explain(e)]);
        }
    }

    /// <summary>Writes a manifest as indented text, which <see cref="Read"/> reads.</summary>
    public static string Write(ModelManifest manifest) => JsonSerializer.Serialize(manifest, Json);

    private static void CheckLength(long length, string file)
    {
        if (length > MostBytes)
        {
            throw new ManifestException(file, [$"expected at most {MostBytes:N0} bytes, got {length:N0}"]);
        }
    }

    private static ModelManifest Parse(ModelManifest? manifest, string file, string name)
    {
        IReadOnlyList<string> errors = manifest is null
            ? ["expected an object, got null"]
            : ManifestValidator.Validate(manifest, name);
        if (errors.Count == 0)
        {
            return manifest!;
        }

        throw new ManifestException(file, errors);
    }

    /// <summary>The error in the words of the manifest: System.Text.Json names .NET types, and the author of a
    /// manifest knows only keys.</summary>
    private static string Explain(JsonException e)
    {
        string path = e.Path is { Length: > 2 } p ? p[2..] : "the file";
        if (UnknownKey().Match(e.Message) is { Success: true } unknown)
        {
            return $"{path}: expected a known key, got '{unknown.Groups[1].Value}'; remove it or correct its spelling";
        }

        if (MissingKeys().Match(e.Message) is { Success: true } missing)
        {
            return $"{path}: required keys are missing: {missing.Groups[1].Value}";
        }

        string where = e.LineNumber is { } line ? $" (line {line + 1})" : "";
        if (ExpectedType().Match(e.Message) is { Success: true } expected)
        {
            return $"{path}{where}: expected {Describe(Unwrapped(expected.Groups[1].Value))}";
        }

        return $"{path}{where}: {Position().Replace(e.Message, "")}";
    }

    // The serialiser calls the type of "threshold" Nullable`1[System.Single]; people call it a number.
    private static string Unwrapped(string type)
    {
        if (Nullable().Match(type) is { Success: true } inner)
        {
            return inner.Groups[1].Value;
        }

        return type;
    }

    private static string Describe(string type) => type switch
    {
        "System.Int32" or "System.Int64" => "a whole number",
        "System.Single" or "System.Double" => "a number",
        "System.Boolean" => "true or false",
        "System.String" => "a text",
        _ when type.Contains("List`1", StringComparison.Ordinal) => "a list of the expected values",
        _ when Known(type) is { IsEnum: true } choice =>
            "one of " + string.Join(", ", Enum.GetNames(choice).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)),
        _ => "an object with the expected keys",
    };

    private static Type? Known(string type) =>
        typeof(ModelManifest).Assembly.GetType(type) ?? typeof(Kernels.ImageSize).Assembly.GetType(type);

    [GeneratedRegex("^The JSON property '([^']*)' could not be mapped")]
    private static partial Regex UnknownKey();

    [GeneratedRegex("missing required properties including: (.*?)\\.$")]
    private static partial Regex MissingKeys();

    [GeneratedRegex("could not be converted to ([^ ]+?)\\. Path")]
    private static partial Regex ExpectedType();

    [GeneratedRegex(@"^System\.Nullable`1\[(.*)\]$")]
    private static partial Regex Nullable();

    [GeneratedRegex(" Path: .*$")]
    private static partial Regex Position();
}

/// <summary>Keys of earlier versions, of which each had one legal value: they are read, and have no effect.</summary>
internal static class FormerKeys
{
    private static readonly (Type Section, string Key, string Value)[] All =
    [
        (typeof(GraphManifest), "element", "\"float32\""),
        (typeof(GraphManifest), "extra_inputs", "[]"),
        (typeof(PostprocessManifest), "resize", "\"bilinear\""),
    ];

    /// <summary>Adds the keys of a section.</summary>
    public static void Accept(JsonTypeInfo section)
    {
        foreach ((_, string key, string value) in All.Where(former => former.Section == section.Type))
        {
            JsonPropertyInfo property = section.CreateJsonPropertyInfo(typeof(JsonElement), key);
            property.Set = (_, given) =>
            {
                if (((JsonElement)given!).GetRawText().Replace(" ", "", StringComparison.Ordinal) != value)
                {
                    throw new JsonException($"The JSON property '{key}' could not be mapped: it is no longer known.");
                }
            };
            section.Properties.Add(property);
        }
    }
}

/// <summary>Thrown for a manifest that cannot be served; each error names the key and the expected value.</summary>
/// <param name="file">The manifest, as shown to users.</param>
/// <param name="errors">One sentence for each wrong key.</param>
internal sealed class ManifestException(string file, IReadOnlyList<string> errors)
    : Exception($"{file}: {string.Join("; ", errors.Select(e => e.ReplaceLineEndings(" ").TrimEnd(' ', '.')))}.")
{
    /// <summary>One sentence for each wrong key.</summary>
    public IReadOnlyList<string> Errors { get; } = errors;
}

/// <summary>Paths as shown to users: from the model's folder on, without the path on this machine.</summary>
internal static class ModelFile
{
    /// <summary><c>models/road/1/model.onnx</c> is shown as <c>road/1/model.onnx</c>.</summary>
    public static string Display(string path) => string.Join('/', path.Split(Path.DirectorySeparatorChar).TakeLast(3));
}
