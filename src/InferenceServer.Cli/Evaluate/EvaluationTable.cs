using System.Globalization;
using Spectre.Console;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Prints a report: scores in percent; with refinement also the scores before, and the gain in
/// points.</summary>
internal static class EvaluationTable
{
    private static readonly int[] Widths = [1, 2, 3, 4, 5, 7, 10, 15, 20];

    public static void Write(EvaluationReport report, IAnsiConsole console)
    {
        EvaluationReport? before = report.Unrefined;
        console.WriteLine($"Run {report.Passes}.");
        if (before is not null)
        {
            console.WriteLine($"Refined by {report.Crf}.");
        }

        Table classes = Columns("Class", "IoU %", before is not null).AddColumn(Right("Accuracy %")).AddColumn(
            Right("Share of truth %"));
        foreach (ClassScore score in report.Classes)
        {
            string[] iou = Scores(before?.Classes[score.Index].Iou, score.Iou, before is not null);
            classes.AddRow([Markup.Escape(score.Name), .. iou, Percent(score.Accuracy), Percent(score.Share)]);
        }

        console.Write(classes);
        Table bands = Columns("Within pixels of a boundary", "Mean IoU %", before is not null).AddColumn(
            Right("Share of truth %"));
        foreach (BandScore band in report.Trimap.Where(band => Widths.Contains(band.Width)))
        {
            double? share = report.Pixels > 0 ? (double)band.Pixels / report.Pixels : null;
            string[] iou = Scores(before?.Trimap[band.Width - 1].MeanIou, band.MeanIou, before is not null);
            bands.AddRow([Text(band.Width), .. iou, Percent(share)]);
        }

        console.Write(bands);
        WriteSummary(report, before, console);
    }

    private static void WriteSummary(EvaluationReport report, EvaluationReport? before, IAnsiConsole console)
    {
        Grid summary = new Grid().AddColumn();
        string[] headings = before is null ? [""] : ["before", "after", "gain"];
        foreach (string _ in headings)
        {
            summary.AddColumn(new GridColumn().RightAligned());
        }

        if (before is not null)
        {
            summary.AddRow(["", .. headings]);
        }

        Add("Mean IoU %", r => r.MeanIou);
        Add("Pixel accuracy %", r => r.PixelAccuracy);
        Add("Mean accuracy %", r => r.MeanAccuracy);
        Add("Frequency-weighted IoU %", r => r.FrequencyWeightedIou);
        summary.AddRow("Images", Text(report.Images)).AddRow("Pixels", Text(report.Pixels));
        console.Write(summary);
        if (report.Calibration is { } score)
        {
            console.WriteLine(
                FormattableString.Invariant($"Calibration error {Percent(score.Error)} % at the temperature {score.Temperature}, ") +
                FormattableString.Invariant($"{Percent(score.BestError)} % at {score.BestTemperature}, where the truth is likeliest."));
            if (score.IsBound)
            {
                console.WriteLine(
                    "That is the end of what was tried: the labels do not fit the probabilities at any temperature near the present one.");
            }
        }

        void Add(string name, Func<EvaluationReport, double?> score) =>
            summary.AddRow([name, .. Scores(before is null ? null : score(before), score(report), before is not null)]);
    }

    private static Table Columns(string first, string score, bool refined)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn(first);
        if (refined)
        {
            return table.AddColumn(Right(score + " before")).AddColumn(Right("after")).AddColumn(Right("gain"));
        }

        return table.AddColumn(Right(score));
    }

    private static TableColumn Right(string heading) => new TableColumn(heading).RightAligned();

    private static string[] Scores(double? before, double? after, bool refined)
    {
        if (refined)
        {
            return [Percent(before), Percent(after), Points(after - before)];
        }

        return [Percent(after)];
    }

    private static string Points(double? gain)
    {
        if (gain is { } number)
        {
            return Math.Round(number * 100, 2).ToString("+0.00;−0.00", CultureInfo.InvariantCulture);
        }

        return "–";
    }

    private static string Text(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Percent(double? value)
    {
        if (value is { } number)
        {
            return (number * 100).ToString("F2", CultureInfo.InvariantCulture);
        }

        return "–";
    }
}
