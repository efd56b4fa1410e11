namespace InferenceServer.Runtime.Sessions;

/// <summary>What became of ONNX Runtime's memory.</summary>
public static class ArenaUsage
{
    private static long _shrinkages;

    /// <summary>Runs after which a session gave memory back that it had needed for a rare, large input.</summary>
    public static long Shrinkages => Volatile.Read(ref _shrinkages);

    internal static void AddShrinkage() => Interlocked.Increment(ref _shrinkages);
}
