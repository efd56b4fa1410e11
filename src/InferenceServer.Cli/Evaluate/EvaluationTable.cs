using System.Globalization;
using Spectre.Console;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Shows a report to a person: scores in percent, as papers print them.</summary>
internal static class EvaluationTable
{
    public static void Write(EvaluationReport report, IAnsiConsole console)
    {
        Table classes = new Table().Border(TableBorder.Simple)
            .AddColumn("Class")
            .AddColumn(new TableColumn("IoU %").RightAligned())
            .AddColumn(new TableColumn("Accuracy %").RightAligned())
            .AddColumn(new TableColumn("Share of truth %").RightAligned());
        foreach (ClassScore score in report.Classes)
        {
            classes.AddRow(Markup.Escape(score.Name), Percent(score.Iou), Percent(score.Accuracy), Percent(score.Share));
        }

        console.Write(classes);
        Grid summary = new Grid().AddColumn().AddColumn(new GridColumn().RightAligned())
            .AddRow("Mean IoU %", Percent(report.MeanIou))
            .AddRow("Pixel accuracy %", Percent(report.PixelAccuracy))
            .AddRow("Mean accuracy %", Percent(report.MeanAccuracy))
            .AddRow("Frequency-weighted IoU %", Percent(report.FrequencyWeightedIou))
            .AddRow("Images", report.Images.ToString("N0", CultureInfo.InvariantCulture))
            .AddRow("Pixels", report.Pixels.ToString("N0", CultureInfo.InvariantCulture));
        console.Write(summary);
    }

    private static string Percent(double? value) => value is { } number ? (number * 100).ToString("F2", CultureInfo.InvariantCulture) : "–";
}
