using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference;

/// <summary>One of the two models that the protocol shows of each: the graph under the model's own name, and with the
/// suffix <c>.image</c> the whole road from an encoded image to its mask.</summary>
/// <param name="Model">The model's name in the repository.</param>
/// <param name="IsImage">Image in, mask out.</param>
internal readonly record struct ProtocolModel(string Model, bool IsImage)
{
    /// <summary>The image form's input.</summary>
    public const string Image = "image";

    /// <summary>The image form's output.</summary>
    public const string Mask = "mask";

    private const string Suffix = ".image";

    /// <summary>The name that clients use.</summary>
    public string Name => IsImage ? Model + Suffix : Model;

    /// <summary>What a client means by a name. A folder that is called so comes first.</summary>
    public static ProtocolModel Parse(string name, ModelRepository repository) =>
        name.EndsWith(Suffix, StringComparison.Ordinal) && repository.Find(name) is null
            ? new ProtocolModel(name[..^Suffix.Length], true)
            : new ProtocolModel(name, false);
}
