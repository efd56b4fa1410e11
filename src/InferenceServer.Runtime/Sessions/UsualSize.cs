namespace InferenceServer.Runtime.Sessions;

/// <summary>Learns how large a session's inputs usually are, and tells which are rare and large.</summary>
/// <remarks>Updates that race lose one another, which does not matter.</remarks>
internal sealed class UsualSize
{
    private const int Large = 4;
    private const int Window = 16;
    private long _usual;
    private int _seen;

    /// <summary>Takes note of one input.</summary>
    /// <param name="pixels">Of one image of it.</param>
    /// <returns>Whether it is at least four times as large as usual; what comes often is usual soon.</returns>
    public bool IsRare(long pixels)
    {
        long usual = Volatile.Read(ref _usual);
        if (Volatile.Read(ref _seen) < Window)
        {
            // Trials and warm-up run small inputs first.
            Interlocked.Increment(ref _seen);
            Volatile.Write(ref _usual, Math.Max(usual, pixels));
            return false;
        }

        Volatile.Write(ref _usual, usual + ((Math.Min(pixels, Large * usual) - usual) / Window));
        return pixels >= Large * usual;
    }
}
