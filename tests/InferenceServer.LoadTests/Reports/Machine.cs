using System.Globalization;

using System.Runtime.InteropServices;

namespace InferenceServer.LoadTests.Reports;

/// <summary>Where figures come from.</summary>
internal static class Machine
{
    public static string Describe()
    {
        string processor = LinuxProcessor() ?? $"{RuntimeInformation.ProcessArchitecture} on {RuntimeInformation.OSDescription}";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessorCount} cores of {processor}, " +
            $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes >> 30} GB, .NET {Environment.Version}");
    }

    // Kernels for x64 name the processor there.
    private static string? LinuxProcessor() => !OperatingSystem.IsLinux() ? null
        : File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim();
}
