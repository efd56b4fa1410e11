using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Scheduling;

namespace InferenceServer.Runtime;

/// <summary>A request that was let in: its model is ready and stays open, and its place is kept, until this is disposed.</summary>
public sealed class AdmittedRequest : IDisposable
{
    private readonly ModelLease _lease;
    private Admission.Permit _permit;

    internal AdmittedRequest(ModelLease lease, Admission.Permit permit)
    {
        _lease = lease;
        _permit = permit;
    }

    /// <summary>The model that will answer.</summary>
    public LoadedModel Model => _lease.Model;

    /// <summary>Leaves the server; a second call does nothing.</summary>
    public void Dispose()
    {
        _permit.Dispose();
        _permit = default;
        _lease.Dispose();
    }
}
