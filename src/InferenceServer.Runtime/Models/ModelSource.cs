using System.Collections.Concurrent;
using InferenceServer.Runtime.Manifests;
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

    /// <summary>The models, ordered by name.</summary>
    /// <exception cref="IOException">The folder cannot be read, or is to hold one model and does not.</exception>
    IReadOnlyList<ModelFolder> List();
}

/// <summary>A folder with one folder for each model, or the folder of one model.</summary>
/// <param name="root">The folder.</param>
/// <param name="name">The name of the one model; null is the folder's name.</param>
internal sealed class FolderSource(string root, string? name = null) : IModelSource
{
    private readonly ConcurrentDictionary<string, HangingCalls> _folders = new(StringComparer.Ordinal);

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
        if (!Directory.Exists(Place))
        {
            throw new DirectoryNotFoundException($"Models:Path: the folder '{Place}' does not exist.");
        }

        if (File.Exists(Path.Combine(Place, ManifestReader.FileName)))
        {
            ModelFolder only = new(Path.TrimEndingDirectorySeparator(Place));
            return [name is null ? only : new ModelFolder(only.Path) { Name = name }];
        }

        if (name is not null)
        {
            throw new FileNotFoundException(
                $"Models:Name: expected the folder of one model in Models:Path, found no {ManifestReader.FileName} in '{Place}'. "
                + "Leave Models:Name out, or give the model's own folder.");
        }

        return [.. ModelFolder.In(Place).Where(HoldsModel).Select(folder => new ModelFolder(folder))];
    }

    private bool HoldsModel(string folder)
    {
        try
        {
            return _folders.GetOrAdd(folder, static _ => new HangingCalls(HangingCalls.Glance))
                .Look(() => ModelFolder.HoldsModel(folder), CancellationToken.None);
        }
        catch (IOException)
        {
            return true; // reading the folder later reports the error for this model alone
        }
    }
}
