using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Runtime.Models;

/// <summary>Where the models are and which are needed; section <c>Models</c>.</summary>
public sealed class ModelRepositoryOptions
{
    /// <summary>The folder that holds one folder for each model. Default <c>models</c>, under the working directory.</summary>
    [Required]
    public string Path { get; set; } = "models";

    /// <summary>The model that answers when a request names none. Default: the only one, where there is only one.</summary>
    public string? Default { get; set; }

    /// <summary>The models without which the server is not ready. Default: the default model, or any one where there is none.</summary>
    public IList<string> Required { get; } = [];
}
