namespace InferenceServer.Runtime.Buffers;

/// <summary>How much of the process's shared buffers is in use.</summary>
public static class BufferUsage
{
    private static long _rentedBytes;
    private static long _unpooled;

    /// <summary>Bytes that were rented and not given back yet.</summary>
    public static long RentedBytes => Volatile.Read(ref _rentedBytes);

    /// <summary>Buffers that were too large for the pool, since the start.</summary>
    public static long Unpooled => Volatile.Read(ref _unpooled);

    internal static void Add(long bytes) => Interlocked.Add(ref _rentedBytes, bytes);

    internal static void AddUnpooled() => Interlocked.Increment(ref _unpooled);
}
