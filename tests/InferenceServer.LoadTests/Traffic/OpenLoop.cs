using System.Collections.Concurrent;
using System.Diagnostics;
using InferenceServer.LoadTests.Photos;

namespace InferenceServer.LoadTests.Traffic;

/// <summary>Sends each request when it is due and never waits for an answer, as the world does.</summary>
internal static class OpenLoop
{
    /// <summary>How long answers may still come after the last arrival.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    public static async Task<IReadOnlyList<Sample>> RunAsync(LoadClient client, PhotoSet photos, IEnumerable<double> arrivals)
    {
        ConcurrentBag<Task<Sample>> sent = [];
        using CancellationTokenSource end = new();
        long start = Stopwatch.GetTimestamp();
        // A thread of its own: a busy thread pool must not delay the arrivals.
        await Task.Factory.StartNew(
            Dispatch, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)
            .ConfigureAwait(false);
        end.CancelAfter(MaxWait);
        return await Task.WhenAll(sent).ConfigureAwait(false);

        double Now() => Stopwatch.GetElapsedTime(start).TotalSeconds;

        void Dispatch()
        {
            long request = 0;
            foreach (double due in arrivals)
            {
                TimeSpan wait = TimeSpan.FromSeconds(due - Now());
                if (wait > TimeSpan.Zero)
                {
                    Thread.Sleep(wait);
                }

                Photo photo = photos.At(request++);
                sent.Add(Task.Run(() => client.SendAsync(photo, Now, due, end.Token)));
            }
        }
    }
}
