using System.Text.Json;
using OnnxGraph;

namespace InferenceServer.Runtime.Adaptation;

/// <summary>Gives a graph's further inputs the values that the manifest says, and drops those that nothing
/// reads.</summary>
/// <param name="graph">The graph.</param>
/// <param name="image">The image input, before nodes are put before it.</param>
/// <param name="order">The order of the image input's own axes.</param>
/// <param name="writer">Receives the nodes that make the values.</param>
/// <param name="added">Receives what was added, one phrase each.</param>
internal sealed class ExtraInputs(Graph graph, ValueInfo image, string order, NodeWriter writer, IList<string> added)
{
    /// <summary>The word for the height and width of the network's input.</summary>
    public const string ImageSize = "image_size";

    /// <summary>The word for the height and width of the image that the client sent.</summary>
    public const string OriginalSize = "original_size";

    /// <summary>The name of the input that takes the size of the client's image; null where there is none.</summary>
    public string? SizeInput { get; private set; }

    /// <summary>The inputs that need a value: neither the image nor one with a default, and read by a node.</summary>
    public static IReadOnlyList<ValueInfo> Of(Graph graph, ValueInfo image) =>
        [.. graph.Inputs.Where(i => i.Name != image.Name && graph.Initializer(i.Name) is null && graph.Consumers(i.Name).Any())];

    /// <summary>Changes the graph.</summary>
    /// <param name="values">The manifest's value of each input.</param>
    /// <exception cref="GraphRefusedException">An input has no value, or one that does not fit.</exception>
    public void Apply(IReadOnlyDictionary<string, JsonElement> values)
    {
        IReadOnlyList<ValueInfo> needed = Of(graph, image);
        string[] missing = [.. needed.Where(i => !values.ContainsKey(i.Name)).Select(i => TensorSignature.Of(i).ToString())];
        if (missing.Length > 0)
        {
            throw new GraphRefusedException(
                $"graph.inputs: expected a value for {string.Join(" and ", missing)}: a number, a list, " +
                $"\"{ImageSize}\" or \"{OriginalSize}\"");
        }

        if (values.Keys.FirstOrDefault(k => graph.Inputs.All(i => i.Name != k)) is { } unknown)
        {
            throw new GraphRefusedException(
                $"graph.inputs: '{unknown}' is no input of the graph, which has {string.Join(", ", graph.Inputs.Select(i => i.Name))}");
        }

        foreach (ValueInfo input in needed)
        {
            graph.Inputs.Remove(input);
            string value = Value(input, values[input.Name]);
            NodeWriter.Rename(graph, input.Name, value);
        }

        foreach (ValueInfo unused in graph.Inputs
            .Where(i => i.Name != image.Name && i.Name != SizeInput && graph.Initializer(i.Name) is null
                && !graph.Consumers(i.Name).Any()).ToArray())
        {
            graph.Inputs.Remove(unused);
            added.Add($"input {unused.Name}: left out, nothing reads it");
        }
    }

    private string Value(ValueInfo input, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String when value.ValueEquals(ImageSize) =>
            Size(input, Pair(writer.Length(image.Name, 2), writer.Length(image.Name, 3))),
        JsonValueKind.String when value.ValueEquals(OriginalSize) => Size(input, AskForSize()),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => Repeated(input, Number(value)),
        JsonValueKind.Array => Listed(input, value),
        _ => throw Wrong(input, $"expected a number, a list, \"{ImageSize}\" or \"{OriginalSize}\", got {value}"),
    };

    private string AskForSize()
    {
        if (SizeInput is null)
        {
            SizeInput = graph.UniqueName(OriginalSize);
            graph.Inputs.Add(new ValueInfo(SizeInput, ElementType.Int64, [new Dimension(2, null)]));
        }

        return SizeInput;
    }

    private string Pair(string height, string width) => writer.Add("Concat", [height, width], OnnxAttribute.Of("axis", 0));

    // A pair, or a pair for each image.
    private string Size(ValueInfo input, string pair)
    {
        added.Add($"input {input.Name}: height and width");
        string typed = input.Type == ElementType.Int64 ? pair : writer.Cast(pair, input.Type);
        switch (input.Shape)
        {
            case [{ Value: null or <= 0 or 2 }]:
                return typed;
            case [_, { Value: null or <= 0 or 2 }]:
                return writer.Add("Expand", [typed, Pair(writer.Length(image.Name, 0), writer.Constant(2))]);
            default:
                throw Wrong(input, "expected an input of height and width, [2] or [N, 2]");
        }
    }

    private string Repeated(ValueInfo input, double number)
    {
        added.Add($"input {input.Name}: {number}");
        string constant = graph.UniqueName(input.Name + "_value");
        graph.Initializers.Add(Numbers.Create(constant, input.Type, [], [number]) ?? throw NoNumbers(input));
        if (input.Shape is not { Count: > 0 } shape)
        {
            return constant;
        }

        string[] lengths = [.. shape.Select((axis, i) => Length(input, axis, i, shape.Count))];
        string wanted = writer.Add("Concat", lengths, OnnxAttribute.Of("axis", 0));
        return writer.Add("Expand", [constant, wanted]);
    }

    // An open axis is one of the image's: the one of the same name, else by its place.
    private string Length(ValueInfo input, Dimension axis, int index, int rank)
    {
        if (axis.Value > 0)
        {
            return writer.Constant(axis.Value.Value);
        }

        if (axis.Parameter is { Length: > 0 } name
            && image.Shape is { } shape
            && shape.ToList().FindIndex(d => d.Parameter == name) is >= 0 and int named)
        {
            // Nodes see the adapted input, N×C×H×W.
            return writer.Length(image.Name, "NCHW".IndexOf(order[named], StringComparison.Ordinal));
        }

        if (index == 0)
        {
            return writer.Length(image.Name, 0);
        }

        if (rank >= 3 && index >= rank - 2)
        {
            return writer.Length(image.Name, index - rank + 4);
        }

        throw Wrong(input, "expected a list: the graph leaves open how many numbers the input has");
    }

    private string Listed(ValueInfo input, JsonElement list)
    {
        List<double> numbers = [];
        List<long> lengths = [];
        Flatten(input, list, 0, numbers, lengths);
        if (lengths is [var count] && input.Shape is { Count: > 1 } nested && nested.All(d => d.Value == 1 || d.Value == count)
            && nested.Count(d => d.Value == 1) >= nested.Count - 1)
        {
            lengths = [.. nested.Select(d => d.Value!.Value)]; // [1, 1] for 1×2
        }

        if (input.Shape is { } shape
            && (shape.Count != lengths.Count || shape.Zip(lengths).Any(pair => pair.First.Value > 0 && pair.First.Value != pair.Second)))
        {
            throw Wrong(input, $"expected a list of the input's shape, got one of {string.Join('×', lengths)}");
        }

        added.Add($"input {input.Name}: {numbers.Count} numbers");
        string constant = graph.UniqueName(input.Name + "_value");
        graph.Initializers.Add(Numbers.Create(constant, input.Type, [.. lengths], numbers) ?? throw NoNumbers(input));
        return constant;
    }

    private static void Flatten(ValueInfo input, JsonElement value, int depth, List<double> numbers, List<long> lengths)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            if (depth != lengths.Count)
            {
                throw Wrong(input, "expected lists of one length in each list");
            }

            numbers.Add(Number(value));
            return;
        }

        int length = value.GetArrayLength();
        if (depth == lengths.Count && numbers.Count == 0)
        {
            lengths.Add(length);
        }

        if (depth >= lengths.Count || lengths[depth] != length)
        {
            throw Wrong(input, "expected lists of one length in each list");
        }

        foreach (JsonElement item in value.EnumerateArray())
        {
            Flatten(input, item, depth + 1, numbers, lengths);
        }
    }

    private static double Number(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => 1,
        JsonValueKind.False => 0,
        JsonValueKind.Number => value.GetDouble(),
        _ => throw new GraphRefusedException($"graph.inputs: expected numbers, got {value}"),
    };

    private static GraphRefusedException NoNumbers(ValueInfo input) => Wrong(input, "expected an input of numbers");

    private static GraphRefusedException Wrong(ValueInfo input, string error) =>
        new($"graph.inputs.{input.Name}: {error}; the graph has {TensorSignature.Of(input)}");
}

/// <summary>Constants of any element type that holds numbers.</summary>
internal static class Numbers
{
    /// <returns>The tensor; null for a type without numbers.</returns>
    public static Tensor? Create(string name, ElementType type, long[] dims, IReadOnlyList<double> values)
    {
        byte[]? bytes = type switch
        {
            ElementType.Float32 => Bytes(values, v => BitConverter.GetBytes((float)v)),
            ElementType.Float64 => Bytes(values, BitConverter.GetBytes),
            ElementType.Float16 => Bytes(values, v => BitConverter.GetBytes((Half)v)),
            ElementType.Int64 => Bytes(values, v => BitConverter.GetBytes((long)v)),
            ElementType.Int32 => Bytes(values, v => BitConverter.GetBytes((int)v)),
            ElementType.Int16 => Bytes(values, v => BitConverter.GetBytes((short)v)),
            ElementType.UInt16 => Bytes(values, v => BitConverter.GetBytes((ushort)v)),
            ElementType.UInt8 => Bytes(values, v => [(byte)v]),
            ElementType.Int8 => Bytes(values, v => [(byte)(sbyte)v]),
            ElementType.Bool => Bytes(values, v => [(byte)(v == 0 ? 0 : 1)]),
            _ => null,
        };
        if (bytes is null)
        {
            return null;
        }

        return Tensor.Create(name, type, dims, bytes);
    }

    private static byte[] Bytes(IReadOnlyList<double> values, Func<double, byte[]> convert) => [.. values.SelectMany(convert)];
}
