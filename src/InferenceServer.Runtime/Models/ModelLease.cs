namespace InferenceServer.Runtime.Models;

/// <summary>The right to use a model: until this is disposed its session stays open, even if another version has taken its place.</summary>
public sealed class ModelLease : IDisposable
{
    private LoadedModel? _held;

    internal ModelLease(LoadedModel model)
    {
        Model = model;
        _held = model;
    }

    /// <summary>The model; its session may be run until <see cref="Dispose"/>.</summary>
    public LoadedModel Model { get; }

    /// <summary>Another right to the same model, also where another version has taken its place meanwhile.</summary>
    /// <returns>Stays when this one is given up; the caller disposes it.</returns>
    /// <exception cref="ObjectDisposedException">This one was given up, and the model with it.</exception>
    public ModelLease Share() => Model.TryLease() ?? throw new ObjectDisposedException(nameof(ModelLease));

    /// <summary>Gives the model up; whoever is last frees its session. A second call does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _held, null)?.Leave();
}
