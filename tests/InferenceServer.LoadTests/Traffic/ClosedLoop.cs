using System.Diagnostics;
using InferenceServer.LoadTests.Photos;

namespace InferenceServer.LoadTests.Traffic;

/// <summary>A fixed number of clients, each of which sends as soon as it has an answer: finds what a server can do,
/// hides how it waits.</summary>
internal static class ClosedLoop
{
    public static async Task<IReadOnlyList<Sample>> RunAsync(LoadClient client, PhotoSet photos, int clients, TimeSpan length)
    {
        long start = Stopwatch.GetTimestamp();
        long requests = -1;
        List<Sample>[] samples = await Task.WhenAll(
            Enumerable.Range(0, clients).Select(_ => Task.Run(OneClientAsync)))
            .ConfigureAwait(false);
        return [.. samples.SelectMany(s => s)];

        double Now() => Stopwatch.GetElapsedTime(start).TotalSeconds;

        async Task<List<Sample>> OneClientAsync()
        {
            List<Sample> mine = [];
            while (Now() < length.TotalSeconds)
            {
                Sample sample = await client.SendAsync(
                    photos.At(Interlocked.Increment(ref requests)), Now, Now(), CancellationToken.None)
                    .ConfigureAwait(false);
                mine.Add(sample);
                if (sample.Outcome != Outcome.Accepted)
                {
                    await Task.Delay(10).ConfigureAwait(false); // a refusal must not become a busy loop
                }
            }

            return mine;
        }
    }
}
