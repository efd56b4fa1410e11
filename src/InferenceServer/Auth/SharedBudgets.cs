using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Text;
using InferenceServer.Jobs;
using Microsoft.Extensions.Options;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.KeyValueStore;

namespace InferenceServer.Auth;

/// <summary>Shares the use of keys between servers, where jobs have the engine <c>Nats</c>: each server tells the others about
/// once a second what its clients have used, so that rates and quotas hold for all servers together.</summary>
/// <remarks>Between two messages every server may grant what is left; while the broker is away, each counts for
/// itself.</remarks>
internal sealed class SharedBudgets(
    KeyRing keys, IServiceProvider services, IOptions<JobOptions> jobs, IOptions<NatsOptions> options, TimeProvider time,
    ILogger<SharedBudgets> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1), RetryDelay = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MaxAge = TimeSpan.FromDays(2); // the longest window is a day

    private readonly string _self = Guid.NewGuid().ToString("N");
    private readonly ConcurrentDictionary<string, KeyUsage> _sent = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (keys.Budgets.Count == 0 || jobs.Value.Engine != JobEngine.Nats)
        {
            return;
        }

        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ShareAsync(stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested
                && e is NatsException or OperationCanceledException or TimeoutException or IOException)
            {
                Log.BudgetsNotShared(logger, e.Message);
                await Task.Delay(RetryDelay, time, stoppingToken);
            }
        }
    }

    private async Task ShareAsync(CancellationToken cancellationToken)
    {
        NatsKVContext context = new(new NatsJSContext(services.GetRequiredService<NatsConnection>()));
        INatsKVStore store = await context.CreateOrUpdateStoreAsync(
            new NatsKVConfig(options.Value.Stream + "-keys")
            {
                MaxAge = MaxAge, NumberOfReplicas = options.Value.Replicas,
            },
            cancellationToken);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task reading = ReadAsync(store, either.Token);
        try
        {
            using PeriodicTimer timer = new(Interval, time);
            while (!reading.IsCompleted && await timer.WaitForNextTickAsync(cancellationToken))
            {
                await WriteAsync(store, cancellationToken);
            }
        }
        finally
        {
            await either.CancelAsync();
            await reading;
        }
    }

    private async Task WriteAsync(INatsKVStore store, CancellationToken cancellationToken)
    {
        foreach ((string name, KeyBudget budget) in keys.Budgets)
        {
            KeyUsage usage = budget.Usage;
            if (!_sent.TryGetValue(name, out KeyUsage? sent) || sent != usage)
            {
                await store.PutAsync($"{Encode(name)}.{_self}", usage.ToBytes(), cancellationToken: cancellationToken);
                _sent[name] = usage;
            }
        }
    }

    private async Task ReadAsync(INatsKVStore store, CancellationToken cancellationToken)
    {
        Dictionary<string, KeyBudget> budgets = keys.Budgets.ToDictionary(b => Encode(b.Name), b => b.Budget);
        try
        {
            await foreach (NatsKVEntry<byte[]> entry in store.WatchAsync<byte[]>(cancellationToken: cancellationToken))
            {
                string[] parts = entry.Key.Split('.');
                if (parts is [var name, var server] && server != _self && budgets.TryGetValue(name, out KeyBudget? budget)
                    && KeyUsage.Parse(entry.Value) is { } usage)
                {
                    budget.UsedBy(server, usage);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The server stops, or the writer failed.
        }
    }

    // A key's name may have characters that a key of the store cannot have.
    private static string Encode(string name) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(name));
}

/// <summary>What one server's clients have used of a key.</summary>
/// <param name="Total">Requests since the server started.</param>
/// <param name="Hour">Number of the hour since the year 1, and requests in it.</param>
/// <param name="Day">Number of the day since the year 1, and requests in it.</param>
internal sealed record KeyUsage(long Total, (long Window, long Used) Hour, (long Window, long Used) Day)
{
    private const int Length = 5 * sizeof(long);

    /// <summary>Five little-endian numbers.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Length];
        long[] numbers = [Total, Hour.Window, Hour.Used, Day.Window, Day.Used];
        for (int i = 0; i < numbers.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(i * sizeof(long)), numbers[i]);
        }

        return bytes;
    }

    /// <summary>Reads <see cref="ToBytes"/>; null where the bytes are not of this form.</summary>
    public static KeyUsage? Parse(byte[]? bytes)
    {
        if (bytes is not { Length: Length })
        {
            return null;
        }

        long Number(int i) => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(i * sizeof(long)));
        return new KeyUsage(Number(0), (Number(1), Number(2)), (Number(3), Number(4)));
    }
}
