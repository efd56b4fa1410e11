namespace InferenceServer.LoadTests.Traffic;

/// <summary>What one contender did in one stretch of time.</summary>
internal sealed record Window
{
    public required string Contender { get; init; }

    /// <summary>What was asked of it: saturation, steady, overload, …</summary>
    public required string Phase { get; init; }

    public required string Photos { get; init; }

    public required int Round { get; init; }

    /// <summary>Requests a second; 0 in a closed loop, which offers what is taken.</summary>
    public double Offered { get; init; }

    /// <summary>Seconds at the beginning that are not counted: the queue is still filling.</summary>
    public required double Ramp { get; init; }

    /// <summary>Seconds in which requests were sent, the ramp included.</summary>
    public required double Length { get; init; }

    public required IReadOnlyList<Sample> Samples { get; init; }

    /// <summary>Processor time of the contender, from the first request to the last answer.</summary>
    public required TimeSpan Cpu { get; init; }

    /// <summary>Processor time of this program; 0 where it is itself the contender.</summary>
    public TimeSpan ClientCpu { get; init; }

    /// <summary>Bytes allocated on the contender's managed heap; null where it does not tell.</summary>
    public long? Allocated { get; init; }

    /// <summary>Bytes allocated on the managed heap for each request, refused ones included.</summary>
    public double? AllocatedPerRequest => Allocated / (double)Math.Max(1, Samples.Count);

    /// <summary>Resident memory of the contender at the end.</summary>
    public long Resident { get; init; }

    /// <summary>Masks a second.</summary>
    public double Goodput => Samples.Count(s => s.Outcome == Outcome.Accepted && s.Ended >= Ramp && s.Ended < Length) / (Length - Ramp);

    public int Count(Outcome outcome) => Samples.Count(s => s.Outcome == outcome);

    /// <summary>Processor time for each mask, milliseconds.</summary>
    public double CpuMsPerRequest => Cpu.TotalMilliseconds / Math.Max(1, Count(Outcome.Accepted));
}
