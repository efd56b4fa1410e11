using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference;

/// <summary>One of the two forms of a model: the graph under the model's own name, or, with the suffix <c>.image</c>,
/// segmentation of an encoded image.</summary>
/// <param name="Model">The model's name in the repository.</param>
/// <param name="IsImage">Whether it is the image form.</param>
internal readonly record struct ProtocolModel(string Model, bool IsImage)
{
    /// <summary>The image form's input.</summary>
    public const string Image = "image";

    /// <summary>The image form's output.</summary>
    public const string Mask = "mask";

    private const string Suffix = ".image";

    /// <summary>The name that clients use.</summary>
    public string Name
    {
        get
        {
            if (IsImage)
            {
                return Model + Suffix;
            }

            return Model;
        }
    }

    /// <summary>Parses a name of a request. A model whose own name has the suffix takes precedence.</summary>
    public static ProtocolModel Parse(string name, ModelRepository repository)
    {
        if (name.EndsWith(Suffix, StringComparison.Ordinal) && repository.Find(name) is null)
        {
            return new ProtocolModel(name[..^Suffix.Length], true);
        }

        return new ProtocolModel(name, false);
    }
}
