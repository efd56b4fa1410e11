using System.Globalization;
using System.Text;

namespace InferenceServer.LoadTests.Reports;

/// <summary>Line charts side by side, as one SVG that reads well on a light and on a dark page.</summary>
internal sealed class SvgChart
{
    private const int Width = 420;
    private const int Height = 300;
    private const int Left = 56;
    private const int Right = 12;
    private const int Top = 34;
    private const int Bottom = 42;

    // Okabe and Ito's colours, which colour-blind people tell apart.
    private static readonly string[] Colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

    private readonly StringBuilder _body = new();
    private readonly List<string> _names = [];
    private int _panels;

    /// <summary>Adds a chart to the right of those before.</summary>
    /// <param name="title">What is seen.</param>
    /// <param name="x">Name and unit of the horizontal axis.</param>
    /// <param name="y">Name and unit of the vertical axis.</param>
    /// <param name="series">The lines; the same name has the same colour in each chart.</param>
    /// <param name="logarithmic">Whether the vertical axis has powers of ten.</param>
    public void Add(string title, string x, string y, IReadOnlyList<Series> series, bool logarithmic = false)
    {
        (double X, double Y)[] points = [.. series.SelectMany(s => s.Points).Where(p => double.IsFinite(p.Y))];
        if (points.Length == 0)
        {
            return;
        }

        double mostX = Nice(points.Max(p => p.X));
        (double low, double high) = logarithmic
            ? (Math.Floor(Math.Log10(Math.Max(0.1, points.Min(p => p.Y)))), Math.Ceiling(Math.Log10(Math.Max(1, points.Max(p => p.Y)))))
            : (0, Nice(points.Max(p => p.Y)));
        double origin = _panels++ * Width;
        double PlotX(double value) => origin + Left + (value / mostX * (Width - Left - Right));
        double PlotY(double value) =>
            Height - Bottom - (
                ((logarithmic ? Math.Log10(Math.Max(0.1, value)) : value) - low) / Math.Max(1e-9, high - low) * (
                    Height - Top - Bottom));

        Text(origin + Left, 18, title, "start", bold: true);
        Text(origin + Left + ((Width - Left - Right) / 2.0), Height - 8, x, "middle");
        _body.Append(
            CultureInfo.InvariantCulture,
            $"<text transform='translate({origin + 14:0.#} {Height / 2}) rotate(-90)' " +
            $"text-anchor='middle'>{y}</text>\n");
        for (int i = 0; i <= 5; i++)
        {
            double value = mostX * i / 5;
            Text(PlotX(value), Height - Bottom + 15, Number(value), "middle");
        }

        int steps = logarithmic ? (int)(high - low) : 5;
        for (int i = 0; i <= steps; i++)
        {
            double value = logarithmic ? Math.Pow(10, low + i) : high * i / steps;
            _body.Append(CultureInfo.InvariantCulture, $"<path class='grid' d='M{PlotX(0):0.#} {PlotY(value):0.#}H{PlotX(mostX):0.#}'/>\n");
            Text(PlotX(0) - 5, PlotY(value) + 4, Number(value), "end");
        }

        foreach (Series line in series)
        {
            string path = string.Join(
                'L',
                line.Points.Where(p => double.IsFinite(p.Y))
                    .Select(p => string.Create(CultureInfo.InvariantCulture, $"{PlotX(p.X):0.#} {PlotY(p.Y):0.#}")));
            _body.Append(
                CultureInfo.InvariantCulture,
                $"<path fill='none' stroke='{Color(line.Name)}' " +
                $"stroke-width='1.8'{(line.Dashed ? " stroke-dasharray='5 4'" : "")} d='M{path}'/>\n");
        }
    }

    public void Save(string file)
    {
        StringBuilder legend = new();
        for (int i = 0; i < _names.Count; i++)
        {
            legend.Append(
                CultureInfo.InvariantCulture,
                $"<path stroke='{Colors[i % Colors.Length]}' stroke-width='3' d='M{Left + (i * 150)} " +
                $"{Height + 10}h22'/><text x='{Left + 28 + (i * 150)}' y='{Height + 14}'>{_names[i]}</text>\n");
        }

        File.WriteAllText(file, $$"""
            <svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {{_panels * Width}} {{Height + 26}}'
              font-family='sans-serif' font-size='11'>
            <style>
              text { fill: #444 } .grid { stroke: #8886; stroke-width: .6 }
              @media (prefers-color-scheme: dark) { text { fill: #ccc } }
            </style>
            {{_body}}{{legend}}</svg>

            """);
    }

    private string Color(string name)
    {
        if (!_names.Contains(name))
        {
            _names.Add(name);
        }

        return Colors[_names.IndexOf(name) % Colors.Length];
    }

    private void Text(double x, double y, string text, string anchor, bool bold = false) => _body.Append(
        CultureInfo.InvariantCulture,
        $"<text x='{x:0.#}' y='{y:0.#}' text-anchor='{anchor}'{(bold ? " font-weight='bold'" : "")}>{text}</text>\n");

    private static string Number(double value) => value.ToString(value is >= 1 or 0 ? "0.##" : "0.###", CultureInfo.InvariantCulture);

    /// <summary>The next of 1, 1.5, 2, 3, 4, 5, 8 times a power of ten.</summary>
    private static double Nice(double value)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(value, 1e-9))));
        return power * new[] { 1, 1.5, 2, 3, 4, 5, 8, 10 }.First(step => step * power >= value);
    }
}
