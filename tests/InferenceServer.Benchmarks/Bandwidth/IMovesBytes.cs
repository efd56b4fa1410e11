namespace InferenceServer.Benchmarks.Bandwidth;

/// <summary>A benchmark whose speed can be held against the memory's: it says how much must move at the least.</summary>
public interface IMovesBytes
{
    /// <summary>Bytes of input read once and of output written once, for one call.</summary>
    long Bytes { get; }
}
