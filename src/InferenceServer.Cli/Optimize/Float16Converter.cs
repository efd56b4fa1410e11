using System.Runtime.InteropServices;
using InferenceServer.Cli.Hosting;
using OnnxGraph;

namespace InferenceServer.Cli.Optimize;

/// <summary>Writes a graph in 16-bit floats: half the file, and faster on a GPU. Inputs and outputs stay as they are.</summary>
internal static class Float16Converter
{
    // These take float32 only, whatever their data are: by operator, the inputs.
    private static readonly Dictionary<string, int[]> FloatInputs = new() { ["Resize"] = [1, 2], ["Upsample"] = [1] };
    private const float Most = 65_504;

    /// <summary>Converts a graph in place.</summary>
    /// <exception cref="CommandException">The graph has parts that are not converted.</exception>
    public static void Convert(OnnxModel model)
    {
        Graph graph = model.Graph;
        if (graph.Nodes.Any(node => node.Subgraphs.Any()) || graph.Nodes.Any(node => node.OpType is "QuantizeLinear" or "DequantizeLinear"))
        {
            throw new CommandException("Expected a float32 graph without loops and conditions, got another; --float16 cannot convert it.");
        }

        HashSet<string> stays =
        [
            .. from node in graph.Nodes
               from input in FloatInputs.GetValueOrDefault(node.OpType, [])
               where input < node.Inputs.Count && node.Inputs[input].Length > 0
               select node.Inputs[input],
        ];
        string? computed = stays.FirstOrDefault(
            name => graph.Initializer(name) is null && graph.Producer(name) is { OpType: not "Constant" });
        if (computed is not null)
        {
            throw new CommandException(
                $"Expected constant scales of Resize, got the computed '{computed}'; --float16 cannot convert the graph.");
        }

        for (int i = 0; i < graph.Initializers.Count; i++)
        {
            if (graph.Initializers[i].Type == ElementType.Float32 && !stays.Contains(graph.Initializers[i].Name))
            {
                graph.Initializers[i] = Narrow(graph.Initializers[i]);
            }
        }

        foreach (Node node in graph.Nodes)
        {
            ConvertAttributes(node, stays.Overlaps(node.Outputs));
        }

        CastEnds(graph);
        graph.ValueInfos.Clear(); // they have the types of before
    }

    private static void ConvertAttributes(Node node, bool stays)
    {
        foreach (OnnxAttribute attribute in node.Attributes.ToList())
        {
            if (!stays && attribute.Tensor is { Type: ElementType.Float32 } tensor)
            {
                node.Set(OnnxAttribute.Of(attribute.Name, Narrow(tensor)));
            }
            else if (node.OpType == "Cast" && attribute.Name == "to" && attribute.Int == (long)ElementType.Float32)
            {
                node.Set(OnnxAttribute.Of("to", (long)ElementType.Float16));
            }
        }
    }

    private static void CastEnds(Graph graph)
    {
        List<Node> before = [];
        foreach (ValueInfo input in graph.Inputs.Where(input => input.Type == ElementType.Float32 && graph.Initializer(input.Name) is null))
        {
            string narrow = graph.UniqueName(input.Name + "_float16");
            graph.ReplaceUses(input.Name, narrow);
            before.Add(Cast(input.Name, narrow, ElementType.Float16));
        }

        List<Node> behind = [];
        foreach (ValueInfo output in graph.Outputs.Where(output => output.Type is ElementType.Float32 or 0))
        {
            string narrow = graph.UniqueName(output.Name + "_float16");
            Node producer = graph.Producer(output.Name)
                ?? throw new CommandException($"Expected a node that computes the output '{output.Name}', found none.");
            graph.ReplaceUses(output.Name, narrow);
            producer.Outputs[producer.Outputs.IndexOf(output.Name)] = narrow;
            behind.Add(Cast(narrow, output.Name, ElementType.Float32));
        }

        Node[] nodes = [.. before, .. graph.Nodes, .. behind];
        graph.Nodes.Clear();
        foreach (Node node in nodes)
        {
            graph.Nodes.Add(node);
        }
    }

    private static Node Cast(string from, string to, ElementType type)
    {
        Node cast = new("Cast", [from], [to]) { Name = to };
        cast.Set(OnnxAttribute.Of("to", (long)type));
        return cast;
    }

    private static Tensor Narrow(Tensor tensor)
    {
        Half[] values = Array.ConvertAll(tensor.ReadFloats(), value => (Half)Math.Clamp(value, -Most, Most));
        return Tensor.Create(tensor.Name, ElementType.Float16, tensor.Dims, MemoryMarshal.AsBytes<Half>(values).ToArray());
    }
}
