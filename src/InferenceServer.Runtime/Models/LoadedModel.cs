using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>A model that was tried and warmed: all that a request needs of it.</summary>
public sealed class LoadedModel : IDisposable
{
    private static readonly TimeSpan LongestRun = TimeSpan.FromSeconds(5);

    internal LoadedModel(string name, int version, ModelManifest manifest, IModelSession session, SchedulingOptions scheduling)
    {
        Name = name;
        Version = version;
        Manifest = manifest;
        Classes = ClassTable.Create(manifest.Classes);
        Session = session;
        Preprocessor = new Preprocessor(manifest.Preprocess);
        Postprocessor = new Postprocessor(manifest);
        Scheduler = new SessionScheduler(session, scheduling);
    }

    /// <summary>The folder's name.</summary>
    public string Name { get; }

    /// <summary>The version folder's number.</summary>
    public int Version { get; }

    /// <summary>The manifest as written.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>Names and colours of the classes.</summary>
    public ClassTable Classes { get; }

    /// <summary>The network itself, for benchmarks; requests go through <see cref="Scheduler"/>.</summary>
    public IModelSession Session { get; }

    /// <summary>Time that reading, trying and warming took.</summary>
    public TimeSpan LoadTime { get; internal set; }

    /// <summary>Photograph to input.</summary>
    public Preprocessor Preprocessor { get; }

    /// <summary>Output to labels.</summary>
    public Postprocessor Postprocessor { get; }

    /// <summary>The way to the session.</summary>
    public SessionScheduler Scheduler { get; }

    /// <summary>Frees the session after its last run. One that does not end is left to the end of the process: freeing it would crash that.</summary>
    public void Dispose()
    {
        if (Scheduler.Close(LongestRun))
        {
            Scheduler.Dispose();
            Session.Dispose();
        }
    }
}
