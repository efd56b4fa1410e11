using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Runtime.Sessions;

/// <summary>Finds the image input and the result among a graph's inputs and outputs, and checks their types and
/// ranks.</summary>
internal static class GraphBinder
{
    /// <summary>The image input.</summary>
    /// <param name="signature">The graph's inputs and outputs.</param>
    /// <param name="graph">Names the input where the graph has several.</param>
    /// <param name="channels">Channels of an input that leaves them open.</param>
    /// <param name="file">The graph's file, for messages.</param>
    /// <returns>The input's name and layout.</returns>
    public static (string Name, TensorLayout Layout) Input(
        GraphSignature signature, GraphManifest graph, int channels, string file)
    {
        TensorSignature input = Choose(signature.Inputs, graph.Input, "input", file);
        if (signature.Inputs.Count > 1)
        {
            throw Wrong(
                file,
                "graph.extra_inputs: the graph has further inputs " +
                $"({Names(signature.Inputs.Where(i => i != input))}); fold them into it as constants");
        }

        if (TensorLayout.Of(input.ElementType, input.Shape, channels, out string? mismatch) is not { } layout)
        {
            throw Wrong(file, $"{mismatch}; the graph has {input}");
        }

        if (input.Shape[0] > 0 && input.Shape[0] != 1)
        {
            throw Wrong(file, $"graph.input: expected a batch axis of 1 or an open one, the graph has {input}");
        }

        return (input.Name, layout);
    }

    public static string Output(GraphSignature signature, GraphManifest graph, string file)
    {
        TensorSignature output = Choose(signature.Outputs, graph.Output, "output", file);
        bool labels = graph.OutputKind == OutputKind.Labels;
        string[] types = labels ? ["uint8", "int8", "uint16", "int32", "int64"] : ["float32"];
        if (!types.Contains(output.ElementType))
        {
            throw Wrong(file, $"graph.output_kind: expected {string.Join(" or ", types)} in the output, the graph has {output}");
        }

        // Exporters lose shapes; an unknown rank is found out by the trial runs.
        if (output.Shape.Count is not (0 or 4) && !(labels && output.Shape.Count is 2 or 3))
        {
            throw Wrong(file, $"graph.output: expected {(labels ? "h×w, N×h×w or N×1×h×w" : "N×n×h×w")}, the graph has {output}");
        }

        return output.Name;
    }

    private static TensorSignature Choose(IReadOnlyList<TensorSignature> tensors, string? name, string key, string file)
    {
        if (name is null && tensors.Count == 1)
        {
            return tensors[0];
        }

        return tensors.FirstOrDefault(t => t.Name == name) ?? throw Wrong(file, name is null
            ? $"graph.{key}: the graph has several, name one of {Names(tensors)}"
            : $"graph.{key}: '{name}' is not in the graph, which has {Names(tensors)}");
    }

    private static string Names(IEnumerable<TensorSignature> tensors) => string.Join(", ", tensors.Select(t => t.Name));

    private static ManifestException Wrong(string file, string error) => new(ModelFile.Display(file), [error]);
}
