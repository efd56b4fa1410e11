using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Where the folders of models come from.</summary>
internal interface IModelSource
{
    /// <summary>The folder or place, for messages.</summary>
    string Place { get; }

    /// <summary>The folder whose events tell of changes; null where there is none.</summary>
    string? Watched { get; }

    /// <summary>Why the models may be old or missing; null where nothing is wrong.</summary>
    string? Problem { get; }

    /// <summary>When the place was last seen; null where it is a folder, or was never seen.</summary>
    DateTimeOffset? Looked { get; }

    /// <summary>Looks that failed.</summary>
    long Failures { get; }

    /// <summary>Looks for what is new at the place. A failure is a <see cref="Problem"/>, and the models stay.</summary>
    void Update(CancellationToken cancellationToken);

    /// <summary>The models.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    IReadOnlyList<ModelFolder> List();
}

/// <summary>A folder with one folder for each model, or the folder of one model.</summary>
/// <param name="root">The folder.</param>
/// <param name="name">The name of the one model; null is the folder's name.</param>
internal sealed class FolderSource(string root, string? name = null) : IModelSource
{
    public string Place { get; } = Path.GetFullPath(root);

    public string? Watched => Place;

    public string? Problem => null;

    public DateTimeOffset? Looked => null;

    public long Failures => 0;

    public void Update(CancellationToken cancellationToken)
    {
    }

    public IReadOnlyList<ModelFolder> List()
    {
        if (Directory.Exists(Place))
        {
            return ModelFolder.List(Place, name);
        }

        throw new DirectoryNotFoundException($"Models:Path: the folder '{Place}' does not exist.");
    }
}
