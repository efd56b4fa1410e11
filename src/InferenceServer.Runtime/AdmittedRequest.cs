using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Scheduling;

namespace InferenceServer.Runtime;

/// <summary>A request that was let in: its model is ready, and its place is kept until this is disposed.</summary>
public sealed class AdmittedRequest : IDisposable
{
    private Admission.Permit _permit;

    internal AdmittedRequest(LoadedModel model, Admission.Permit permit)
    {
        Model = model;
        _permit = permit;
    }

    /// <summary>The model that will answer.</summary>
    public LoadedModel Model { get; }

    /// <summary>Leaves the server; a second call does nothing.</summary>
    public void Dispose()
    {
        _permit.Dispose();
        _permit = default;
    }
}
