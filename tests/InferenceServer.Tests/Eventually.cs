namespace InferenceServer.Tests;

/// <summary>Waits for what another thread brings about.</summary>
internal static class Eventually
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(60);

    public static async Task TrueAsync(Func<bool> condition)
    {
        using CancellationTokenSource timeout = new(MaxWait);
        while (!condition())
        {
            await Task.Delay(1, timeout.Token);
        }
    }
}
