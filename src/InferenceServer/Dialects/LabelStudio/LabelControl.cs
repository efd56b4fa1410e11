using System.Xml;
using System.Xml.Linq;
using InferenceServer.Runtime;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>What a project's labelling configuration says about where masks go.</summary>
/// <param name="Name">Name of the control.</param>
/// <param name="ToName">Name of the image that it labels.</param>
/// <param name="Key">The task's member that holds the image.</param>
/// <param name="IsBrush">Whether masks are brushed; else they are polygons.</param>
/// <param name="Labels">Label of each class, by the class's name in lower case.</param>
internal sealed record LabelControl(string Name, string ToName, string Key, bool IsBrush, IReadOnlyDictionary<string, string> Labels)
{
    private const string Brush = "BrushLabels";
    private const string Polygon = "PolygonLabels";

    /// <summary>Finds the first control that takes masks.</summary>
    /// <exception cref="SegmentationException">No XML, or none of those controls.</exception>
    public static LabelControl Parse(string config)
    {
        XElement root = Load(config);
        XElement control = root.DescendantsAndSelf().FirstOrDefault(e => e.Name.LocalName is Brush or Polygon) ?? throw Invalid($"it has no {Brush} and no {Polygon}.");
        string toName = (string?)control.Attribute("toName") ?? throw Invalid($"{control.Name} has no toName.");
        XElement? image = root.Descendants().FirstOrDefault(e => (string?)e.Attribute("name") == toName);
        string key = ((string?)image?.Attribute("value"))?.TrimStart('$') ?? throw Invalid($"nothing is named '{toName}', to which {control.Name} belongs, or it has no value.");
        Dictionary<string, string> labels = [];
        foreach (XElement label in control.Descendants().Where(e => e.Name.LocalName == "Label"))
        {
            string value = (string?)label.Attribute("value") ?? "";
            // As Label Studio's own backends have it: a label may stand for several classes.
            foreach (string name in ((string?)label.Attribute("predicted_values") ?? value).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                labels.TryAdd(name.ToLowerInvariant(), value);
            }
        }

        return new LabelControl((string?)control.Attribute("name") ?? "", toName, key, control.Name.LocalName == Brush, labels);
    }

    private static XElement Load(string config)
    {
        try
        {
            using XmlReader reader = XmlReader.Create(new StringReader(config), new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = 1 << 20 });
            return XElement.Load(reader);
        }
        catch (XmlException e)
        {
            throw Invalid(e.Message);
        }
    }

    private static SegmentationException Invalid(string reason) => new(SegmentationError.InvalidRequest, "label_config: " + reason);
}
