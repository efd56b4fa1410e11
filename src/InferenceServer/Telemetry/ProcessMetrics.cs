using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace InferenceServer.Telemetry;

/// <summary>Processor time and memory under the names of every Prometheus client, and, as gauges, two values that .NET
/// wrongly counts as counters.</summary>
internal sealed class ProcessMetrics
{
    public const string MeterName = "InferenceServer.Process";
    public const string ThreadPoolThreads = "dotnet.thread_pool.thread.count";
    public const string ThreadPoolQueue = "dotnet.thread_pool.queue.length";

    public ProcessMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(MeterName);
        meter.CreateObservableCounter(
            "process_cpu_seconds_total", () => Environment.CpuUsage.TotalTime.TotalSeconds,
            "s", "Processor time, in user and system mode.");
        meter.CreateObservableGauge(
            "process_resident_memory_bytes", () => Environment.WorkingSet,
            "By", "Resident memory, that of the native libraries included.");
        meter.CreateObservableGauge(
            "process_start_time_seconds", StartTime, "s", "When the process started, since the epoch.");
        meter.CreateObservableGauge(
            ThreadPoolThreads, () => ThreadPool.ThreadCount,
            "{thread}", "The number of thread pool threads that currently exist.");
        meter.CreateObservableGauge(
            ThreadPoolQueue, () => ThreadPool.PendingWorkItemCount,
            "{work_item}", "The number of work items that are currently queued to be processed by the thread pool.");
    }

    private static double StartTime()
    {
        using Process process = Process.GetCurrentProcess();
        return (process.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
    }
}
