using System.Xml;
using System.Xml.Linq;
using InferenceServer.Runtime;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>The control of a project's labelling configuration that takes masks.</summary>
/// <param name="Name">Name of the control.</param>
/// <param name="ToName">Name of the image element that the control labels.</param>
/// <param name="Key">The member of a task's data that holds the image.</param>
/// <param name="IsBrush">Whether masks are brush strokes; else they are polygons.</param>
/// <param name="Labels">The label of each class, by the class name in lower case.</param>
internal sealed record LabelControl(
    string Name, string ToName, string Key, bool IsBrush, IReadOnlyDictionary<string, string> Labels)
{
    private const string Brush = "BrushLabels";
    private const string Polygon = "PolygonLabels";
    private const int Longest = 1 << 20, Deepest = 64, MostNodes = 100_000;

    /// <summary>Finds the first control that takes masks.</summary>
    /// <exception cref="SegmentationException">The text is not XML, or has no such control.</exception>
    public static LabelControl Parse(string config)
    {
        XElement root = Load(config);
        XElement control = root.DescendantsAndSelf().FirstOrDefault(e => e.Name.LocalName is Brush or Polygon)
            ?? throw Invalid($"expected {Brush} or {Polygon}, found neither. Add one of them.");
        string toName = (string?)control.Attribute("toName") ?? throw Invalid(
            $"expected toName in {control.Name}, found none. Name the image there.");
        XElement? image = root.Descendants().FirstOrDefault(e => (string?)e.Attribute("name") == toName);
        string key = ((string?)image?.Attribute("value"))?.TrimStart('$') ?? throw Invalid(
            $"expected an element named '{toName}' with a value, to which {control.Name} refers, found none.");
        Dictionary<string, string> labels = [];
        foreach (XElement label in control.Descendants().Where(e => e.Name.LocalName == "Label"))
        {
            string value = (string?)label.Attribute("value") ?? "";
            // As in Label Studio's own backends, a label may stand for several classes.
            string classes = (string?)label.Attribute("predicted_values") ?? value;
            foreach (string name in classes.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                labels.TryAdd(name.ToLowerInvariant(), value);
            }
        }

        return new LabelControl(
            (string?)control.Attribute("name") ?? "", toName, key, control.Name.LocalName == Brush, labels);
    }

    private static XElement Load(string config)
    {
        try
        {
            CheckShape(config);
            using XmlReader reader = Reader(config);
            return XElement.Load(reader);
        }
        catch (XmlException e)
        {
            throw Invalid("expected XML. " + e.Message);
        }
    }

    // The time to load an element grows with its depth.
    private static void CheckShape(string config)
    {
        using XmlReader reader = Reader(config);
        for (int nodes = 1; reader.Read(); nodes++)
        {
            if (reader.Depth > Deepest || nodes > MostNodes)
            {
                throw Invalid(
                    $"expected at most {MostNodes:N0} elements and texts, at most {Deepest} inside each other, got more. "
                    + "Send a smaller configuration.");
            }
        }
    }

    private static XmlReader Reader(string config)
    {
        XmlReaderSettings settings = new()
        {
            DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = Longest,
        };
        return XmlReader.Create(new StringReader(config), settings);
    }

    private static SegmentationException Invalid(string reason) =>
        new(SegmentationError.InvalidRequest, "label_config: " + reason);
}
