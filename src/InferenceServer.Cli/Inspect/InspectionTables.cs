using System.Globalization;
using System.Text.Json;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Inspection;
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
                table.AddRow(Sides(rule), string.Join(", ", rule.Tried), rule.Works ? "yes" : "no");
            }

            console.Write(table);
        }

        Grid facts = Facts();
        AddRow(facts, "Sizes", inspection switch
        {
            { Fixed: { } only } => $"only {only}",
            { Rule: { Multiple: 1 } } => $"any from {inspection.Smallest}",
            { Rule: { } rule } => $"sides of {Sides(rule)} from {inspection.Smallest}",
            _ => "none",
        });
        AddRow(facts, "Batch of 2", inspection.Batches ? "runs" : "fails");
        string kind = JsonNamingPolicy.SnakeCaseLower.ConvertName(inspection.Kind.ToString());
        AddRow(facts, "Output", string.Create(
            CultureInfo.InvariantCulture,
            $"{kind}, {inspection.Channels} channels, stride {inspection.OutputStride}, scale "
            + $"{inspection.OutputScale}"));
        console.Write(facts);
    }

    private static string Sides(SizeRule rule) => rule switch
    {
        { Multiple: 1 } => "any",
        { Offset: 0 } => $"{rule.Multiple}k",
        _ => $"{rule.Multiple}k+{rule.Offset}",
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
