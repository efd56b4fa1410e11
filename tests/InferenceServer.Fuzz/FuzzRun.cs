using System.Collections.Concurrent;
using System.Diagnostics;
using InferenceServer.Fuzz.Cases;
using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Fuzz;

/// <summary>Runs cases in blocks, and looks after each block whether everything was given back.</summary>
internal sealed class FuzzRun(FuzzTarget target, IFuzzCase[] cases, int seed, string output)
{
    private const int Block = 2000;
    private const int MostFindings = 20;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<string, long> _outcomes = [];
    private int _findings;
    private long _slowest;

    /// <returns>Whether nothing was found.</returns>
    public async Task<bool> RunAsync(long first, long count, int workers, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        long end = first + count, done = 0, settled = 0;
        for (long block = first; block < end && _findings < MostFindings && !cancellationToken.IsCancellationRequested; block += Block)
        {
            long[] numbers = [.. Enumerable.Range(0, (int)Math.Min(Block, end - block)).Select(i => block + i)];
            await Parallel.ForEachAsync(
                numbers, new ParallelOptions { MaxDegreeOfParallelism = workers },
                async (number, _) => await OneAsync(number));
            done += numbers.Length;
            if (await target.LeakAsync() is { } held)
            {
                Report(block, "leak", $"after the cases {block} to {block + numbers.Length - 1}: {held}", []);
                break; // all that follow would be blamed, too
            }

            settled = settled == 0 ? Heap() : settled;
            if (done % (Block * 10) < Block)
            {
                Console.WriteLine(
                    $"{done:N0} cases in {Stopwatch.GetElapsedTime(start):hh\\:mm\\:ss}, {_findings} findings, " +
                    $"heap {Heap() / 1e6:F1} MB (after the first block {settled / 1e6:F1} MB)");
            }
        }

        foreach ((string outcome, long times) in _outcomes.OrderBy(o => o.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"{times,12:N0}  {outcome}");
        }
        Console.WriteLine($"{done:N0} cases, seed {seed}, {_findings} findings; the slowest took " +
            $"{TimeSpan.FromTicks(_slowest).TotalMilliseconds:F0} ms; heap {settled / 1e6:F1} → {Heap() / 1e6:F1} " +
            "MB");
        return _findings == 0;
    }

    // What the pool keeps for the next image comes and goes by design.
    private static long Heap() => GC.GetTotalMemory(forceFullCollection: true) - PooledArrays.KeptBytes;

    private async Task OneAsync(long number)
    {
        IFuzzCase kind = cases[number % cases.Length];
        byte[] input = [];
        (FuzzOutcome outcome, TimeSpan time) = await TryAsync(kind, number, made => input = made);
        if (outcome.Finding is null && time > Hang)
        {
            // A busy machine is slow now and then, a hang is one every time.
            (outcome, time) = await TryAsync(kind, number, made => input = made);
            outcome = time > Hang ? outcome with { Finding = $"took {time.TotalSeconds:F1} s" } : outcome;
        }

        InterlockedMax(ref _slowest, time.Ticks);
        _outcomes.AddOrUpdate($"{kind.Kind}: {outcome.Answer}", 1, (_, n) => n + 1);
        if (outcome.Finding is not null)
        {
            Report(number, kind.Kind, outcome.Finding, input);
        }
    }

    private async Task<(FuzzOutcome Outcome, TimeSpan Time)> TryAsync(IFuzzCase kind, long number, Action<byte[]> made)
    {
        Random random = new(HashCode(number));
        long start = Stopwatch.GetTimestamp();
        try
        {
            FuzzOutcome outcome = await kind.RunAsync(random, made).WaitAsync(Hang * 6);
            return (outcome, Stopwatch.GetElapsedTime(start));
        }
        catch (TimeoutException)
        {
            return (new FuzzOutcome("late", null), Stopwatch.GetElapsedTime(start));
        }
        catch (Exception e)
        {
            return (new FuzzOutcome("thrown", e.ToString()), Stopwatch.GetElapsedTime(start));
        }
    }

    // HashCode of the framework differs from process to process.
    private int HashCode(long number) => (int)((((ulong)number * 0x9E3779B97F4A7C15) ^ ((ulong)seed * 0xC2B2AE3D27D4EB4F)) >> 33);

    private void Report(long number, string kind, string finding, byte[] input)
    {
        Interlocked.Increment(ref _findings);
        Console.WriteLine($"FINDING {kind} {number} (--seed {seed} --first {number} --cases 1): {finding}");
        Directory.CreateDirectory(output);
        File.WriteAllBytes(Path.Combine(output, $"{kind}-{seed}-{number}.bin"), input);
    }

    private static void InterlockedMax(ref long target, long value)
    {
        for (long seen = Volatile.Read(ref target); value > seen;)
        {
            long was = Interlocked.CompareExchange(ref target, value, seen);
            if (was == seen)
            {
                return;
            }

            seen = was;
        }
    }
}
