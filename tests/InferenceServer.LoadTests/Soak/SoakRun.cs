using System.Diagnostics;
using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Soak;

/// <summary>A steady open load of images of all sizes, and a look at the server's memory now and then.</summary>
internal sealed class SoakRun(HttpContender server, PhotoSet photos, double perSecond, TimeSpan length)
{
    private readonly List<MemorySample> _samples = [];
    private int _accepted;
    private int _refused;
    private int _failed;

    public async Task<IReadOnlyList<MemorySample>> RunAsync(Action<MemorySample> seen)
    {
        TimeSpan interval = TimeSpan.FromSeconds(Math.Clamp(length.TotalSeconds / 600, 1, 5));
        long start = Stopwatch.GetTimestamp();
        Task load = LoadAsync(start);
        using PeriodicTimer timer = new(interval);
        while (!load.IsCompleted && await timer.WaitForNextTickAsync().ConfigureAwait(false))
        {
            MemorySample sample = new(
                Stopwatch.GetElapsedTime(start).TotalSeconds, server.Resident, await server.HeapAsync().ConfigureAwait(false),
                Volatile.Read(ref _accepted), Volatile.Read(ref _refused), Volatile.Read(ref _failed));
            _samples.Add(sample);
            seen(sample);
        }

        await load.ConfigureAwait(false);
        return _samples;
    }

    private async Task LoadAsync(long start)
    {
        using CancellationTokenSource end = new(length + TimeSpan.FromSeconds(30));
        long request = 0;
        foreach (double due in Arrivals.Poisson(perSecond, length))
        {
            TimeSpan wait = TimeSpan.FromSeconds(due) - Stopwatch.GetElapsedTime(start);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait).ConfigureAwait(false);
            }

            Photo photo = photos.At(request++);
            _ = Task.Run(() => SendAsync(photo, end.Token));
        }
    }

    private async Task SendAsync(Photo photo, CancellationToken cancellationToken)
    {
        Sample sample = await server.Client.SendAsync(photo, () => 0, 0, cancellationToken).ConfigureAwait(false);
        _ = sample.Outcome switch
        {
            Outcome.Accepted => Interlocked.Increment(ref _accepted),
            Outcome.Refused => Interlocked.Increment(ref _refused),
            _ => Interlocked.Increment(ref _failed),
        };
    }
}
