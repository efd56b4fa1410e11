namespace InferenceServer.Auth;

/// <summary>Marks an endpoint whose calls count against the key's rate and quotas.</summary>
internal sealed class Budgeted
{
    public static readonly Budgeted Instance = new();

    private Budgeted()
    {
    }
}
