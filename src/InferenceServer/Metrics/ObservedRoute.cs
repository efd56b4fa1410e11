namespace InferenceServer.Metrics;

/// <summary>Metadata of an endpoint whose requests are counted.</summary>
internal sealed class ObservedRoute
{
    public static readonly ObservedRoute Instance = new();

    private ObservedRoute()
    {
    }
}
