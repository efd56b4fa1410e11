using System.Globalization;
using System.Xml.Linq;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Draws mean IoU over the distance to true boundaries, as SVG.</summary>
internal static class TrimapPlot
{
    private const int Width = 640, Height = 400;
    private const int Left = 60, Right = 20, Top = 50, Bottom = 50;
    private const string Before = "#7f7f7f", After = "#1f77b4", Ink = "#333333", Rule = "#dddddd";
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>Draws one curve, or two with refinement.</summary>
    public static XElement Draw(EvaluationReport report)
    {
        IEnumerable<BandScore> all = report.Trimap.Concat(report.Unrefined?.Trimap ?? []);
        double[] scores = [.. all.Where(b => b.MeanIou is not null).Select(b => b.MeanIou!.Value * 100)];
        int low = scores.Length == 0 ? 0 : (int)Math.Floor(scores.Min() / 5) * 5;
        int high = scores.Length == 0 ? 100 : ((int)Math.Floor(scores.Max() / 5) * 5) + 5;
        XElement svg = new(
            Svg + "svg",
            new XAttribute("viewBox", $"0 0 {Width} {Height}"), new XAttribute("width", Width), new XAttribute("height", Height),
            new XAttribute("font-family", "sans-serif"), new XAttribute("font-size", 13), new XAttribute("fill", Ink),
            new XElement(
                Svg + "rect", new XAttribute("width", "100%"), new XAttribute("height", "100%"),
                new XAttribute("fill", "white")),
            Text(Left, 28, "start", $"{report.Model}: mean IoU near true boundaries, {report.Images} images"),
            Text((Width + Left - Right) / 2, Height - 12, "middle", "pixels from a boundary, at most"),
            Text(Left, Top - 8, "end", "%"));
        for (int score = low; score <= high; score += 5)
        {
            svg.Add(Line(Left, Y(score), Width - Right, Y(score)), Text(Left - 8, Y(score) + 4, "end", $"{score}"));
        }

        foreach (BandScore band in report.Trimap.Where(band => band.Width == 1 || band.Width % 5 == 0))
        {
            svg.Add(Text(X(band.Width), Height - Bottom + 20, "middle", $"{band.Width}"));
        }

        if (report.Unrefined is { } unrefined)
        {
            svg.Add(
                Curve(unrefined.Trimap, Before), Legend(0, Before, "network"), Curve(report.Trimap, After),
                Legend(1, After, "refined"));
        }
        else
        {
            svg.Add(Curve(report.Trimap, After));
        }

        return svg;

        double Y(double score) => Top + ((high - score) / (high - low) * (Height - Top - Bottom));

        XElement Curve(IEnumerable<BandScore> bands, string color) => new(
            Svg + "polyline", new XAttribute("fill", "none"), new XAttribute("stroke", color), new XAttribute(
                "stroke-width", 2.5),
            new XAttribute("points", string.Join(' ', bands.Where(b => b.MeanIou is not null).Select(Point))));

        string Point(BandScore band) => $"{Number(X(band.Width))},{Number(Y(band.MeanIou!.Value * 100))}";
    }

    private static double X(int width) => Left + ((width - 1.0) / (Tally.Widest - 1) * (Width - Left - Right));

    private static XElement[] Legend(int line, string color, string name)
    {
        double y = Height - Bottom - 40 + (line * 20);
        return
        [
            new XElement(
                Svg + "line",
                new XAttribute("x1", Width - Right - 110), new XAttribute("x2", Width - Right - 80),
                new XAttribute("y1", y), new XAttribute("y2", y),
                new XAttribute("stroke", color), new XAttribute("stroke-width", 2.5)),
            Text(Width - Right - 72, y + 4, "start", name),
        ];
    }

    private static XElement Line(double x1, double y1, double x2, double y2) => new(
        Svg + "line",
        new XAttribute("x1", Number(x1)), new XAttribute("y1", Number(y1)),
        new XAttribute("x2", Number(x2)), new XAttribute("y2", Number(y2)),
        new XAttribute("stroke", Rule));

    private static XElement Text(double x, double y, string anchor, string text) =>
        new(
            Svg + "text", new XAttribute("x", Number(x)), new XAttribute("y", Number(y)),
            new XAttribute("text-anchor", anchor), text);

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
