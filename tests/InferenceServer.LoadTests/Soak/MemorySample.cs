namespace InferenceServer.LoadTests.Soak;

/// <summary>A server's memory at one moment.</summary>
/// <param name="Seconds">Since the load began.</param>
/// <param name="Resident">Bytes of the process in memory.</param>
/// <param name="Heap">Bytes on the managed heap after its last collection; null where the server does not tell.</param>
/// <param name="Accepted">Masks so far.</param>
/// <param name="Refused">Refused requests so far.</param>
/// <param name="Failed">Failed requests so far.</param>
internal readonly record struct MemorySample(double Seconds, long Resident, long? Heap, int Accepted, int Refused, int Failed);
