using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>A band of an image that the network sees.</summary>
/// <param name="Index">The band's number in the file, from 1 as in GDAL.</param>
/// <param name="Name">A name for people.</param>
internal sealed record BandManifest(int Index, string? Name = null);

/// <summary>What overlays, the playground and the CRF see of an image whose bands are no colours.</summary>
internal sealed record ViewManifest
{
    /// <summary>Numbers of the bands that are red, green and blue; one band is gray.</summary>
    [JsonConverter(typeof(BandsConverter))]
    public IReadOnlyList<BandManifest>? Bands { get; init; }

    /// <summary>From the bands' values to 0 to 1. Default: the percentiles 2 to 98.</summary>
    [JsonConverter(typeof(ValueScalingConverter))]
    public IReadOnlyList<IReadOnlyList<ValueScaling>>? ValueScaling { get; init; }
}

/// <summary>The value that marks pixels without data.</summary>
/// <param name="Value">The value; NaN marks nothing further, as NaN never is data. Null: the file's GDAL_NODATA.</param>
[JsonConverter(typeof(NodataConverter))]
internal sealed record NodataManifest(double? Value);

/// <summary>One step from a band's values to what the network sees, in the words of STAC's Machine Learning Model
/// extension.</summary>
/// <param name="Type">The word of the step.</param>
/// <param name="First">The first number, see <see cref="Keys"/>.</param>
/// <param name="Second">The second number; 0 where the step has one.</param>
internal sealed record ValueScaling(string Type, double First, double Second)
{
    /// <summary>The form of a list in a request, for error messages.</summary>
    public const string Form =
        "steps such as min-max:0,10000 or clip:0,3000;scale:3000 or percentile:2,98, or a list in JSON as in a manifest";

    private const int MostSteps = 16;

    private static readonly Dictionary<string, string[]> Steps = new()
    {
        ["clip"] = ["minimum", "maximum"],
        ["clip-min"] = ["minimum"],
        ["clip-max"] = ["maximum"],
        ["min-max"] = ["minimum", "maximum"],
        ["z-score"] = ["mean", "stddev"],
        ["scale"] = ["value"],
        ["offset"] = ["value"],
        ["percentile"] = ["low", "high"],
    };

    /// <summary>The names of the step's numbers.</summary>
    public IReadOnlyList<string> Keys => Steps[Type];

    /// <summary>Reads a list of steps for all bands, or a list of such lists.</summary>
    /// <exception cref="FormatException">The JSON is something else; the message says what was expected.</exception>
    public static IReadOnlyList<IReadOnlyList<ValueScaling>> Read(JsonElement json)
    {
        if (json.ValueKind == JsonValueKind.Object)
        {
            return [[ReadStep(json)]];
        }

        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() is 0 or > PreprocessManifest.MostChannels)
        {
            throw new FormatException("a list of steps, or one such list for each band");
        }

        if (json[0].ValueKind == JsonValueKind.Array)
        {
            return [.. json.EnumerateArray().Select(ReadSteps)];
        }

        return [ReadSteps(json)];
    }

    /// <summary>Reads the value of a request's parameter: JSON, or <c>min-max:0,10000</c>.</summary>
    /// <exception cref="FormatException">The text is something else; the message says what was expected.</exception>
    public static IReadOnlyList<IReadOnlyList<ValueScaling>> Parse(string text)
    {
        if (text.TrimStart() is ['[' or '{', ..])
        {
            try
            {
                using JsonDocument json = JsonDocument.Parse(text);
                return Read(json.RootElement);
            }
            catch (JsonException)
            {
                throw new FormatException(Form);
            }
        }

        List<ValueScaling> steps = [];
        foreach (string step in text.Split(';'))
        {
            string[] parts = step.Split(':', 2);
            string[] numbers = parts.Length == 2 ? parts[1].Split(',') : [];
            if (!Steps.TryGetValue(parts[0].Trim(), out string[]? keys) || numbers.Length != keys.Length || steps.Count == MostSteps)
            {
                throw new FormatException(Form);
            }

            steps.Add(Checked(parts[0].Trim(), [.. numbers.Select(Number)]));
        }

        return [steps];
    }

    private static double Number(string text)
    {
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
        {
            return value;
        }

        throw new FormatException(Form);
    }

    private static IReadOnlyList<ValueScaling> ReadSteps(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() > MostSteps)
        {
            throw new FormatException($"a list of up to {MostSteps} steps");
        }

        return [.. json.EnumerateArray().Select(ReadStep)];
    }

    private static ValueScaling ReadStep(JsonElement json)
    {
        string words = string.Join(", ", Steps.Keys);
        if (json.ValueKind != JsonValueKind.Object || !json.TryGetProperty("type", out JsonElement type)
            || type.ValueKind != JsonValueKind.String || !Steps.TryGetValue(type.GetString()!, out string[]? keys))
        {
            throw new FormatException($"steps with a type of {words}");
        }

        double[] numbers = new double[keys.Length];
        foreach (JsonProperty property in json.EnumerateObject())
        {
            int index = Array.IndexOf(keys, property.Name);
            bool isNumber = index >= 0 && property.Value.ValueKind == JsonValueKind.Number;
            if (!isNumber && property.Name != "type")
            {
                throw new FormatException($"only the numbers {string.Join(" and ", keys)} in a step {type.GetString()}");
            }

            if (isNumber)
            {
                numbers[index] = property.Value.GetDouble();
            }
        }

        if (keys.Any(key => !json.TryGetProperty(key, out _)))
        {
            throw new FormatException($"the numbers {string.Join(" and ", keys)} in a step {type.GetString()}");
        }

        return Checked(type.GetString()!, numbers);
    }

    private static ValueScaling Checked(string type, double[] numbers)
    {
        ValueScaling step = new(type, numbers[0], numbers.ElementAtOrDefault(1));
        bool holds = numbers.All(double.IsFinite) && type switch
        {
            "clip" or "min-max" => step.First < step.Second,
            "z-score" => step.Second > 0,
            "scale" => step.First != 0,
            "percentile" => step.First >= 0 && step.First < step.Second && step.Second <= 100,
            _ => true,
        };
        if (holds)
        {
            return step;
        }

        throw new FormatException(
            $"finite numbers in a step {type}: the first below the second, a stddev above 0, percentiles of 0 to 100");
    }
}

/// <summary>Reads <c>[4, 3, 2]</c> and <c>[{"name": "red", "index": 4}]</c>.</summary>
internal sealed class BandsConverter : JsonConverter<IReadOnlyList<BandManifest>?>
{
    public override IReadOnlyList<BandManifest>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        JsonElement json = JsonElement.ParseValue(ref reader);
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() == 0)
        {
            throw Unexpected();
        }

        return [.. json.EnumerateArray().Select((band, i) => Read(band, i + 1))];
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<BandManifest>? value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value!.Select(band => new { band.Name, band.Index }), options);

    // A band without a number is the one at its place in the list.
    private static BandManifest Read(JsonElement json, int place)
    {
        if (json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out int index) && index > 0)
        {
            return new BandManifest(index);
        }

        if (json.ValueKind != JsonValueKind.Object)
        {
            throw Unexpected();
        }

        BandManifest band = new(place);
        foreach (JsonProperty property in json.EnumerateObject())
        {
            band = (property.Name, property.Value.ValueKind) switch
            {
                ("name", JsonValueKind.String) => band with { Name = property.Value.GetString() },
                ("index", JsonValueKind.Number) when property.Value.TryGetInt32(out int number) && number > 0 =>
                    band with { Index = number },
                _ => throw Unexpected(),
            };
        }

        return band;
    }

    private static JsonException Unexpected() =>
        new("expected a list of band numbers from 1, or of { \"name\": NAME, \"index\": NUMBER }");
}

/// <summary>Reads and writes lists of <see cref="ValueScaling"/>.</summary>
internal sealed class ValueScalingConverter : JsonConverter<IReadOnlyList<IReadOnlyList<ValueScaling>>?>
{
    public override IReadOnlyList<IReadOnlyList<ValueScaling>>? Read(
        ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return ValueScaling.Read(JsonElement.ParseValue(ref reader));
        }
        catch (FormatException e)
        {
            throw new JsonException("expected " + e.Message);
        }
    }

    public override void Write(
        Utf8JsonWriter writer, IReadOnlyList<IReadOnlyList<ValueScaling>>? value, JsonSerializerOptions options)
    {
        if (value!.Count > 1)
        {
            writer.WriteStartArray();
        }

        foreach (IReadOnlyList<ValueScaling> steps in value)
        {
            writer.WriteStartArray();
            foreach (ValueScaling step in steps)
            {
                writer.WriteStartObject();
                writer.WriteString("type", step.Type);
                writer.WriteNumber(step.Keys[0], step.First);
                if (step.Keys.Count > 1)
                {
                    writer.WriteNumber(step.Keys[1], step.Second);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        if (value.Count > 1)
        {
            writer.WriteEndArray();
        }
    }
}

/// <summary>Reads a number, <c>"nan"</c> and <c>"from_file"</c>.</summary>
internal sealed class NodataConverter : JsonConverter<NodataManifest>
{
    public override NodataManifest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number)
        {
            return new NodataManifest(reader.GetDouble());
        }

        string? word = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return word switch
        {
            "nan" => new NodataManifest(double.NaN),
            "from_file" => new NodataManifest((double?)null),
            _ => throw new JsonException("expected a number, \"nan\" or \"from_file\""),
        };
    }

    public override void Write(Utf8JsonWriter writer, NodataManifest value, JsonSerializerOptions options)
    {
        if (value.Value is { } number && double.IsFinite(number))
        {
            writer.WriteNumberValue(number);
        }
        else
        {
            writer.WriteStringValue(value.Value is null ? "from_file" : "nan");
        }
    }
}
