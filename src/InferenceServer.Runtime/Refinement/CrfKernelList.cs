using System.Text.Json;
using DenseCrf;

namespace InferenceServer.Runtime.Refinement;

/// <summary>Reads kernels from JSON: a list, or an object with the list as its member <c>kernels</c>.</summary>
/// <remarks>
/// A kernel has <c>type</c> (<c>gaussian</c> or <c>bilateral</c>), <c>sx</c>, <c>sy</c>, for bilateral kernels
/// <c>srgb</c> (three numbers),
/// <c>normalization</c> (<c>symmetric</c> unless set, <c>before</c>, <c>after</c>, <c>none</c>) and
/// <c>compatibility</c>: <c>kind</c>
/// <c>potts</c> with a <c>weight</c>, <c>diagonal</c> with <c>values</c>, or <c>matrix</c> with rows of <c>values</c>.
/// </remarks>
internal static class CrfKernelList
{
    private const int LongestEcho = 40;

    private static readonly JsonDocumentOptions Options = new()
    {
        CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 8,
    };

    /// <summary>Reads a list.</summary>
    /// <param name="json">JSON text in UTF-8; comments and commas before a closing bracket are allowed.</param>
    /// <exception cref="FormatException">The text is not JSON, or a key is missing, unknown or wrong; the message names
    /// it.</exception>
    public static IReadOnlyList<CrfKernel> Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, Options);
            JsonElement list = document.RootElement;
            if (list.ValueKind == JsonValueKind.Object && !list.TryGetProperty("kernels", out list))
            {
                throw new FormatException("kernels: expected a list, found none");
            }

            JsonElement[] items = Items(list, "kernels");
            if (items.Length is < 1 or > CrfInference.MaxKernels)
            {
                throw new FormatException($"kernels: expected 1 to {CrfInference.MaxKernels} kernels, got {items.Length}");
            }

            return [.. items.Select((kernel, i) => Kernel(kernel, $"kernels[{i}]"))];
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            throw new FormatException("kernels: " + e.Message, e);
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
        if (json.ValueKind == JsonValueKind.Number && json.TryGetSingle(out float number) && float.IsFinite(number))
        {
            return number;
        }

        throw new FormatException(
            $"{at}: expected a number, got {Cut(json.GetRawText())}");
    }

    private static JsonElement[] Items(JsonElement json, string at)
    {
        if (json.ValueKind == JsonValueKind.Array)
        {
            return [.. json.EnumerateArray()];
        }

        throw new FormatException(
            $"{at}: expected a list, got {Cut(json.GetRawText())}");
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
            $"{at}.{key}: expected {words}, got {Cut(value.GetRawText())}");
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

    private static string Cut(string text)
    {
        if (text.Length <= LongestEcho)
        {
            return text;
        }

        return text[..LongestEcho] + "…";
    }
}
