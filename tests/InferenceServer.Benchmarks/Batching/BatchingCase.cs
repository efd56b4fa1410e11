using InferenceServer.Kernels;

namespace InferenceServer.Benchmarks.Batching;

/// <summary>One way to keep the processors busy with one network.</summary>
/// <param name="Size">Input of the network.</param>
/// <param name="Instances">Runs at the same time.</param>
/// <param name="Threads">Threads of each.</param>
/// <param name="OwnSessions">Whether each instance has a session of its own; otherwise all run the same one.</param>
/// <param name="Batch">Images in one run.</param>
internal sealed record BatchingCase(ImageSize Size, int Instances, int Threads, bool OwnSessions, int Batch)
{
    /// <summary>What docs/scaling.md shows, on all processors of the machine.</summary>
    public static IReadOnlyList<BatchingCase> All { get; } =
    [
        .. from size in (ImageSize[])[new(320, 240), new(480, 360), new(1920, 1088)]
           from way in (IEnumerable<(int Instances, int Threads, bool Own)>)
               [(1, Environment.ProcessorCount, false), (Environment.ProcessorCount, 1, false), (Environment.ProcessorCount, 1, true)]
           from batch in (int[])[1, 2, 4, 8]
           where size.Pixels * batch * way.Instances <= 5_000_000
           select new BatchingCase(size, way.Instances, way.Threads, way.Own, batch),
    ];

    public string Way => $"{Instances} × {Threads}" + (Instances == 1 ? "" : OwnSessions ? ", own sessions" : ", one session");
}
