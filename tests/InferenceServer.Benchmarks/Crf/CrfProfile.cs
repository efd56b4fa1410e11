using System.Globalization;
using System.Diagnostics;
using DenseCrf;

namespace InferenceServer.Benchmarks.Crf;

/// <summary>Prints where the time of a refinement goes: median and fastest of whole calls, the least processor time,
/// and the stages of the fastest.</summary>
/// <remarks>
/// Processor time, of all threads, is what a busy neighbour changes least. Each call has another image of the same size,
/// so that only the lattice of the kernel without colour is kept from call to call.
/// </remarks>
internal static class CrfProfile
{
    private const int WarmUps = 5;

    public static void Run(string[] args)
    {
        int repeats = args.Length > 0 ? int.Parse(args[0]) : 31;
        string filter = args.Length > 1 ? args[1] : "";
        Console.WriteLine(
            "| scene | threads | pruned below | quality | total | min | cpu | " +
                string.Join(" | ", Enum.GetNames<CrfStage>()) +
                " | KiB/call | MiB |");
        Console.WriteLine("|---|---|---|---|---|---|---|" + string.Concat(Enum.GetValues<CrfStage>().Select(_ => "---|")) + "---|---|");
        foreach (CrfScene scene in (CrfScene[])[CrfScene.C04, CrfScene.C05, CrfScene.Large])
        {
            foreach ((int threads, float prune, CrfQuality quality) in Variants)
            {
                if ($"{scene.Name} {threads} {prune} {quality}".Contains(filter, StringComparison.OrdinalIgnoreCase))
                {
                    Measure(scene, scene.Parameters(threads, prune, quality), repeats);
                }
            }
        }
    }

    private static IEnumerable<(int Threads, float Prune, CrfQuality Quality)> Variants =>
        [
            (2, 0, CrfQuality.Exact), (2, 1e-3f, CrfQuality.Exact), (2, 0, CrfQuality.Fast),
            (1, 0, CrfQuality.Exact), (1, 1e-3f, CrfQuality.Exact),
        ];

    private static void Measure(CrfScene scene, CrfParameters parameters, int repeats)
    {
        using CrfWorkspace workspace = new(8L << 30);
        float[] marginals = new float[scene.Energies.Length];
        List<(double Total, double Cpu, double[] Stages, long Allocated)> calls = [];
        for (int i = 0; i < WarmUps + repeats; i++)
        {
            scene.Recolor();
            CrfStageTimes times = new();
            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            long allocated = GC.GetTotalAllocatedBytes(precise: true), start = Stopwatch.GetTimestamp();
            CrfInference.Refine(scene.Input, parameters, workspace, marginals, times);
            double total = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            double[] stages = [.. Enum.GetValues<CrfStage>().Select(stage => times[stage].TotalMilliseconds)];
            calls.Add(
                (
                    total, (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds, stages,
                    GC.GetTotalAllocatedBytes(precise: true) - allocated));
        }

        calls.RemoveRange(0, WarmUps);
        calls.Sort((a, b) => a.Total.CompareTo(b.Total));
        (double median, _, _, long bytes) = calls[calls.Count / 2];
        double[] parts = calls[0].Stages;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {scene.Name} | {parameters.Threads} | {parameters.PruneBelow} | {parameters.Quality} | {median:F1} " +
            $"| {calls[0].Total:F1} | {calls.Min(call => call.Cpu):F1} | ")
            + string.Join(" | ", parts.Select(p => FormattableString.Invariant($"{p:F1}")))
            + FormattableString.Invariant($" | {bytes / 1024} | {workspace.Bytes >> 20} |"));
    }
}
