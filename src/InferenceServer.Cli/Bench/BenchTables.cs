using System.Globalization;
using Spectre.Console;

namespace InferenceServer.Cli.Bench;

/// <summary>Prints a report.</summary>
internal static class BenchTables
{
    private const double Mebibyte = 1 << 20;

    public static void Write(BenchReport report, IAnsiConsole console)
    {
        console.Write(new Grid().AddColumn().AddColumn()
            .AddRow(
                "Model", Markup.Escape(
                    $"{report.Model} v{report.Version} in {report.Variant} on {report.Provider}, input {report.Input}"))
            .AddRow("Image", Markup.Escape(report.Image)));
        Table times = new Table().Border(TableBorder.Simple).AddColumn("Milliseconds");
        foreach (string column in new[] { "mean", "p50", "p90", "p99", "max" })
        {
            times.AddColumn(new TableColumn(column).RightAligned());
        }

        AddRow(times, "network alone", report.Raw);
        AddRow(times, "full request", report.Full);
        console.Write(times);
        Table stages = new Table().Border(TableBorder.Simple).AddColumn("Stage")
            .AddColumn(new TableColumn("median ms").RightAligned())
            .AddColumn(new TableColumn("share %").RightAligned());
        foreach (StageShare stage in report.Stages)
        {
            stages.AddRow(stage.Stage, Number(stage.MedianMs, "F3"), Number(stage.Share * 100, "F1"));
        }

        console.Write(stages);
        console.Write(new Grid().AddColumn().AddColumn(new GridColumn().RightAligned())
            .AddRow("Full ÷ network, median of pairs", Number(report.MedianOfRatios, "F3"))
            .AddRow("Full ÷ network, of medians", Number(report.RatioOfMedians, "F3"))
            .AddRow("Images a second", Number(report.ImagesPerSecond, "F2"))
            .AddRow("Model ready after, ms", Number(report.LoadMs, "F1"))
            .AddRow("Peak resident memory, MiB", Number(report.PeakResidentBytes / Mebibyte, "F1"))
            .AddRow("Allocated by a request, bytes", Number(report.AllocatedBytesPerRequest, "N0")));
    }

    private static void AddRow(Table table, string name, Latency latency) => table.AddRow(
        name,
        Number(latency.MeanMs, "F3"), Number(latency.P50Ms, "F3"), Number(latency.P90Ms, "F3"),
        Number(latency.P99Ms, "F3"), Number(latency.MaxMs, "F3"));

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
