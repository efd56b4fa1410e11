using System.Text.Json;
using DenseCrf;
using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Refine;

/// <summary>Reads kernels from JSON: a list, or an object with the list as its member <c>kernels</c>.</summary>
/// <remarks>
/// A kernel has <c>type</c> (<c>gaussian</c> or <c>bilateral</c>), <c>sx</c>, <c>sy</c>, for bilateral kernels
/// <c>srgb</c> (three numbers),
/// <c>normalization</c> (<c>symmetric</c> unless set, <c>before</c>, <c>after</c>, <c>none</c>) and
/// <c>compatibility</c>: <c>kind</c>
/// <c>potts</c> with a <c>weight</c>, <c>diagonal</c> with <c>values</c>, or <c>matrix</c> with rows of <c>values</c>.
/// </remarks>
internal static class KernelFile
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="CommandException">The file is not JSON, or a key is missing, unknown or wrong.</exception>
    public static IReadOnlyList<CrfKernel> Read(string path)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(
                File.ReadAllBytes(path),
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            JsonElement list = json.RootElement;
            if (list.ValueKind == JsonValueKind.Object && !list.TryGetProperty("kernels", out list))
            {
                throw new FormatException("kernels: expected a list, found none");
            }

            return [.. Items(list, "kernels").Select((kernel, i) => Kernel(kernel, $"kernels[{i}]"))];
        }
        catch (Exception e) when (e is JsonException or FormatException or ArgumentException)
        {
            throw new CommandException($"{path}: {e.Message}");
        }
    }

    private static CrfKernel Kernel(JsonElement json, string at)
    {
        Only(json, at, "type", "sx", "sy", "srgb", "normalization", "compatibility");
        bool bilateral = Choice(json, at, "type", ("gaussian", false), ("bilateral", true));
        if (!bilateral && json.TryGetProperty("srgb", out _))
        {
            throw new FormatException($"{at}.srgb: expected in bilateral kernels only; remove it");
        }

        return new CrfKernel
        {
            Sx = Number(Member(json, at, "sx"), $"{at}.sx"),
            Sy = Number(Member(json, at, "sy"), $"{at}.sy"),
            Rgb = bilateral ? Color(Numbers(json, at, "srgb"), $"{at}.srgb") : null,
            Normalization = json.TryGetProperty("normalization", out _) ? Normalization(json, at) : CrfNormalization.Symmetric,
            Compatibility = Compatibility(Member(json, at, "compatibility"), $"{at}.compatibility"),
        };
    }

    private static CrfNormalization Normalization(JsonElement json, string at) => Choice(
        json, at, "normalization",
        ("symmetric", CrfNormalization.Symmetric), ("before", CrfNormalization.Before),
        ("after", CrfNormalization.After), ("none", CrfNormalization.None));

    private static CrfCompatibility Compatibility(JsonElement json, string at)
    {
        Only(json, at, "kind", "weight", "values");
        CrfCompatibilityKind kind = Choice(
            json, at, "kind",
            ("potts", CrfCompatibilityKind.Potts),
            ("diagonal", CrfCompatibilityKind.Diagonal),
            ("matrix", CrfCompatibilityKind.Matrix));
        return kind switch
        {
            CrfCompatibilityKind.Potts => CrfCompatibility.Potts(Number(Member(json, at, "weight"), $"{at}.weight")),
            CrfCompatibilityKind.Diagonal => CrfCompatibility.Diagonal(Numbers(json, at, "values")),
            _ => CrfCompatibility.Matrix(Rows(Member(json, at, "values"), $"{at}.values")),
        };
    }

    private static CrfColorDeviation Color(float[] values, string at)
    {
        if (values is [float r, float g, float b])
        {
            return new CrfColorDeviation(r, g, b);
        }

        throw new FormatException(
            $"{at}: expected 3 numbers, got {values.Length}");
    }

    private static float[] Rows(JsonElement json, string at)
    {
        JsonElement[] rows = Items(json, at);
        float[][] values = [.. rows.Select((row, i) => Numbers(row, $"{at}[{i}]"))];
        if (values.All(row => row.Length == rows.Length))
        {
            return [.. values.SelectMany(row => row)];
        }

        throw new FormatException($"{at}: expected as many numbers in each row as rows");
    }

    private static float[] Numbers(JsonElement json, string at, string key) =>
        Numbers(Member(json, at, key), $"{at}.{key}");

    private static float[] Numbers(JsonElement json, string at) =>
        [.. Items(json, at).Select((item, i) => Number(item, $"{at}[{i}]"))];

    private static float Number(JsonElement json, string at)
    {
        if (json.ValueKind == JsonValueKind.Number)
        {
            return json.GetSingle();
        }

        throw new FormatException(
            $"{at}: expected a number");
    }

    private static JsonElement[] Items(JsonElement json, string at)
    {
        if (json.ValueKind == JsonValueKind.Array)
        {
            return [.. json.EnumerateArray()];
        }

        throw new FormatException(
            $"{at}: expected a list");
    }

    private static JsonElement Member(JsonElement json, string at, string key)
    {
        if (json.TryGetProperty(key, out JsonElement value))
        {
            return value;
        }

        throw new FormatException(
            $"{at}.{key}: expected a value, found none");
    }

    private static T Choice<T>(JsonElement json, string at, string key, params (string Word, T Value)[] choices)
    {
        JsonElement value = Member(json, at, key);
        int found = Array.FindIndex(
            choices, choice => value.ValueKind == JsonValueKind.String && value.ValueEquals(choice.Word));
        string words = string.Join(" or ", choices.Select(c => c.Word));
        if (found >= 0)
        {
            return choices[found].Value;
        }

        throw new FormatException(
            $"{at}.{key}: expected {words}, got {value.GetRawText()}");
    }

    private static void Only(JsonElement json, string at, params string[] keys)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"{at}: expected an object");
        }

        if (json.EnumerateObject().FirstOrDefault(p => !keys.Contains(p.Name)) is { Value.ValueKind: not JsonValueKind.Undefined } unknown)
        {
            throw new FormatException($"{at}.{unknown.Name}: unknown key; the keys are {string.Join(", ", keys)}");
        }
    }
}
