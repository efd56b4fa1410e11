namespace InferenceServer.LoadTests.Reports;

/// <summary>Where figures come from.</summary>
internal static class Machine
{
    public static string Describe()
    {
        string processor = File.ReadLines("/proc/cpuinfo").First(l => l.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();
        return FormattableString.Invariant($"{Environment.ProcessorCount} cores of {processor}, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GB, .NET {Environment.Version}");
    }
}
