using System.Globalization;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;
using Spectre.Console;

namespace InferenceServer.Cli.Inspect;

/// <summary>Prints the description of a graph.</summary>
internal static class InspectionTables
{
    public static void Write(GraphDescription graph, IAnsiConsole console)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumns("", "Name", "Type", "Shape");
        AddRows(table, "input", graph.Signature.Inputs);
        AddRows(table, "output", graph.Signature.Outputs);
        console.Write(table);
        Grid facts = Facts();
        AddRow(facts, "Producer", graph.Producer.Length > 0 ? graph.Producer : "unknown");
        AddRow(facts, "Operator set", graph.Opset?.ToString(CultureInfo.InvariantCulture) ?? "unknown");
        foreach ((string key, string value) in graph.Metadata)
        {
            AddRow(facts, key, value);
        }

        console.Write(facts);
    }

    public static void Write(ModelInspection inspection, IAnsiConsole console)
    {
        if (inspection.Rules.Count > 0)
        {
            Table table = new Table().Border(TableBorder.Simple).AddColumns("Sides", "Tried", "Runs");
            foreach (SizeRule rule in inspection.Rules)
            {
                table.AddRow(Sides(rule.Multiple, rule.Offset), string.Join(", ", rule.Tried),
                    rule.Works ? "yes" : "no");
            }

            console.Write(table);
        }

        ModelManifest manifest = inspection.Manifest;
        Grid facts = Facts();
        AddRow(facts, "Sizes", Sizes(manifest.Preprocess.Size));
        AddRow(facts, "Batches", manifest.Graph.MaxBatch > 1 ? "run" : "fail, or change the result; images run one " +
            "at a time");
        string kind = JsonNamingPolicy.SnakeCaseLower.ConvertName(manifest.Graph.OutputKind.ToString());
        (ImageSize input, ImageSize grid) = inspection.Seen;
        AddRow(facts, "Output", string.Create(
            CultureInfo.InvariantCulture,
            $"{kind}, {inspection.Channels} channels, {grid.Height}×{grid.Width} for an input of " +
                $"{input.Height}×{input.Width}"));
        if (inspection.Added.Count > 0)
        {
            AddRow(facts, "Added", string.Join("; ", inspection.Added));
        }

        console.Write(facts);
    }

    private static string Sizes(SizeManifest size)
    {
        if (size.Fixed is { } only)
        {
            return $"only {only[0]}×{only[1]}";
        }

        string sides = Sides(size.Multiple, size.Offset);
        if (size.Multiple > 1)
        {
            sides = $"sides of {sides}";
        }

        return $"{sides} from {size.Min}×{size.Min}";
    }

    private static string Sides(int multiple, int offset) => (multiple, offset) switch
    {
        (1, _) => "any",
        (_, 0) => $"{multiple}k",
        _ => $"{multiple}k+{offset}",
    };

    private static Grid Facts() => new Grid().AddColumn(new GridColumn().NoWrap()).AddColumn();

    private static void AddRow(Grid grid, string key, string value) =>
        grid.AddRow(Markup.Escape(key), Markup.Escape(value));

    private static void AddRows(Table table, string role, IReadOnlyList<TensorSignature> tensors)
    {
        foreach (TensorSignature tensor in tensors)
        {
            string shape = string.Join(
                " × ", tensor.Shape.Select(d => d < 0 ? "?" : d.ToString(CultureInfo.InvariantCulture)));
            table.AddRow(role, Markup.Escape(tensor.Name), tensor.TypeName, shape);
        }
    }
}
