using System.Text.Json;
using System.Text.Json.Serialization;

namespace InferenceServer.Runtime.Manifests;

/// <summary>The graph's interface. Names may be left out where the graph has only one input or output.</summary>
internal sealed record GraphManifest
{
    /// <summary>The words that <see cref="Layout"/> takes.</summary>
    public static IReadOnlyList<string> InputLayouts { get; } = ["NCHW", "NHWC", "CHW", "HWC"];

    /// <summary>The words that <see cref="OutputLayout"/> takes.</summary>
    public static IReadOnlyList<string> OutputLayouts { get; } = ["NCHW", "NHWC", "CHW", "HWC", "NHW", "HW", "NHW1", "N1HW"];

    /// <summary>Name of the image input.</summary>
    public string? Input { get; init; }

    /// <summary>Name of the output that holds the scores or labels; for queries the names of both outputs.</summary>
    [JsonConverter(typeof(GraphOutputConverter))]
    public GraphOutput? Output { get; init; }

    /// <summary>Order of the input's axes: NCHW, NHWC, CHW or HWC. Null finds the order.</summary>
    public string? Layout { get; init; }

    /// <summary>Order of the output's axes: NCHW, NHWC, CHW, HWC, NHW, HW, NHW1 or N1HW. Null finds the
    /// order.</summary>
    public string? OutputLayout { get; init; }

    /// <summary>Values of further inputs by name: a number, a list, <c>image_size</c> or <c>original_size</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement>? Inputs { get; init; }

    /// <summary>Most images in one run; 1 where the batch axis is fixed.</summary>
    public int MaxBatch { get; init; } = 1;

    /// <summary>What the output holds.</summary>
    public OutputKind OutputKind { get; init; } = OutputKind.Logits;

    /// <summary>Input pixels for one output pixel along an axis; null takes the ratio from the shapes.</summary>
    public int? OutputStride { get; init; }

    /// <summary>Output pixels for one input pixel, for super-resolution; null takes the ratio from the
    /// shapes.</summary>
    public double? OutputScale { get; init; }

    /// <summary>Input pixels that convolutions without padding cut off at each side: one number, or [rows,
    /// columns].</summary>
    [JsonConverter(typeof(SidesConverter))]
    public IReadOnlyList<int>? OutputBorder { get; init; }

    /// <summary><see cref="OutputBorder"/> of rows and of columns.</summary>
    [JsonIgnore]
    public (int Rows, int Columns) Border
    {
        get
        {
            if (OutputBorder is null)
            {
                return (0, 0);
            }

            return (OutputBorder[0], OutputBorder[^1]);
        }
    }
}

/// <summary>Names of a graph's outputs.</summary>
/// <param name="Name">The scores or labels.</param>
/// <param name="Classes">For queries: the class logits, N×q×(n+1).</param>
/// <param name="Masks">For queries: the mask logits, N×q×h×w.</param>
internal sealed record GraphOutput(string? Name, string? Classes = null, string? Masks = null);

/// <summary>Reads <c>"logits"</c> as the name of one output and <c>{"classes": …, "masks": …}</c> as both of
/// queries.</summary>
internal sealed class GraphOutputConverter : JsonConverter<GraphOutput?>
{
    // Parsed by hand: a nested deserialisation would lose the path that error messages name.
    public override GraphOutput? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return new GraphOutput(reader.GetString());
        }

        GraphOutput output = new(null);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            bool isClasses = reader.ValueTextEquals("classes"u8);
            if ((!isClasses && !reader.ValueTextEquals("masks"u8)) || !reader.Read() || reader.TokenType != JsonTokenType.String)
            {
                throw new JsonException();
            }

            string name = reader.GetString()!;
            output = isClasses ? output with { Classes = name } : output with { Masks = name };
        }

        if (reader.TokenType != JsonTokenType.EndObject || output.Classes is null || output.Masks is null)
        {
            throw new JsonException();
        }

        return output;
    }

    public override void Write(Utf8JsonWriter writer, GraphOutput? value, JsonSerializerOptions options)
    {
        if (value?.Name is { } name)
        {
            writer.WriteStringValue(name);
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("classes"u8, value?.Classes);
        writer.WriteString("masks"u8, value?.Masks);
        writer.WriteEndObject();
    }
}

/// <summary>What a graph's output holds.</summary>
internal enum OutputKind
{
    /// <summary>Unnormalised scores of exclusive classes, N×n×h×w.</summary>
    Logits,

    /// <summary>Scores after a softmax, N×n×h×w; with one channel the same as <see cref="BinaryProbability"/>.</summary>
    Probabilities,

    /// <summary>Class indices, N×h×w.</summary>
    Labels,

    /// <summary>One unnormalised score for the second of two classes.</summary>
    BinaryLogit,

    /// <summary>One score after a sigmoid for the second of two classes.</summary>
    BinaryProbability,

    /// <summary>A finished mask of two classes: 0 and 1, or 0 and 255.</summary>
    BinaryMask,

    /// <summary>Unnormalised scores of classes that may overlap, N×n×h×w.</summary>
    MultilabelLogits,

    /// <summary>Scores after a sigmoid of classes that may overlap, N×n×h×w.</summary>
    MultilabelProbabilities,

    /// <summary>Class logits and mask logits of queries, as in MaskFormer: N×q×(n+1) and N×q×h×w.</summary>
    Queries,
}

/// <summary>What the kinds have in common.</summary>
internal static class OutputKinds
{
    /// <summary>Whether each class is decided for itself, so that a pixel may have several or none.</summary>
    public static bool IsMultilabel(this OutputKind kind) => kind is OutputKind.MultilabelLogits or OutputKind.MultilabelProbabilities;

    /// <summary>Whether the graph returns one number for the second of two classes.</summary>
    public static bool IsBinary(this OutputKind kind) =>
        kind is OutputKind.BinaryLogit or OutputKind.BinaryProbability or OutputKind.BinaryMask;

    /// <summary>Whether the scores are probabilities, not logits.</summary>
    public static bool IsProbability(this OutputKind kind) =>
        kind is OutputKind.Probabilities or OutputKind.BinaryProbability or OutputKind.MultilabelProbabilities or OutputKind.Queries;

    /// <summary>Whether the graph returns classes instead of scores: nothing can be averaged, refined or given as a
    /// confidence.</summary>
    public static bool EndsInLabels(this OutputKind kind) => kind is OutputKind.Labels or OutputKind.BinaryMask;
}

/// <summary>The measured best settings of a network on a GPU; a missing setting is taken from the section <c>Onnx</c>
/// of the configuration.</summary>
internal sealed record GpuManifest
{
    /// <summary>How cuDNN finds its algorithms.</summary>
    public ConvSearch? ConvSearch { get; init; }

    /// <summary>Whether convolutions run in N×H×W×C, the layout of tensor cores.</summary>
    public bool? PreferNhwc { get; init; }

    /// <summary>Whether products may be rounded to TF32's 10 bits.</summary>
    public bool? Tf32 { get; init; }
}

/// <summary>How cuDNN finds the algorithm of a convolution at a new shape.</summary>
public enum ConvSearch
{
    /// <summary>By a heuristic: immediate, and nearly always as fast.</summary>
    Heuristic,

    /// <summary>By trying every algorithm: hundreds of milliseconds for every new shape.</summary>
    Exhaustive,

    /// <summary>The default algorithm: slow for some networks, fastest for a few.</summary>
    Default,
}
