namespace InferenceServer.Runtime.Scheduling;

/// <summary>An amount that may be in use at once. A claim larger than all of it is granted while nobody else uses any.</summary>
internal sealed class Budget(long limit)
{
    private long _used;

    /// <summary>In use now.</summary>
    public long Used => Interlocked.Read(ref _used);

    /// <summary>Takes <paramref name="amount"/>, 0 or more, unless it does not fit.</summary>
    /// <param name="amount">How much.</param>
    /// <param name="held">How much the same user has already.</param>
    public bool TryTake(long amount, long held = 0)
    {
        long used = Used;
        while (used == held || amount <= limit - used)
        {
            long seen = Interlocked.CompareExchange(ref _used, used + amount, used);
            if (seen == used)
            {
                return true;
            }

            used = seen;
        }

        return false;
    }

    /// <summary>Gives back what was taken.</summary>
    public void Return(long amount) => Interlocked.Add(ref _used, -amount);
}
