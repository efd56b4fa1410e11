namespace InferenceServer.Tests.Telemetry;

/// <summary>What one block of a page of metrics says before its numbers, and the labels of its samples.</summary>
internal sealed class MetricFamily
{
    public string Name { get; init; } = "";

    public string Type { get; init; } = "";

    public string Unit { get; set; } = "";

    public string Help { get; set; } = "";

    public SortedSet<string> Labels { get; } = new(StringComparer.Ordinal);

    public int Exemplars { get; set; }
}
