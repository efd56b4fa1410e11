using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.Extensions.Options;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace InferenceServer.Jobs;

/// <summary>NATS, which distributes the work of jobs between servers; section <c>Nats</c>.</summary>
public sealed class NatsOptions
{
    /// <summary>Addresses of the NATS servers, separated by commas. Default <c>nats://localhost:4222</c>.</summary>
    [Required, RegularExpression(@"^(nats|tls|ws|wss)://\S+$")]
    public string Url { get; set; } = "nats://localhost:4222";

    /// <summary>File with the credentials (<c>.creds</c>). Default none.</summary>
    public string Credentials { get; set; } = "";

    /// <summary>Name of the stream; deployments that share NATS need names of their own. Default
    /// <c>inference-server-jobs</c>.</summary>
    [Required, RegularExpression("^[A-Za-z0-9_-]{1,64}$")]
    public string Stream { get; set; } = "inference-server-jobs";

    /// <summary>Copies of the stream in a cluster of NATS servers. Default 1.</summary>
    [Range(1, 5)]
    public int Replicas { get; set; } = 1;

    internal static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan LongestReconnectWait = TimeSpan.FromSeconds(1);

    /// <summary>A connection, which is made at its first use and made again without end.</summary>
    internal NatsConnection Connect() => new(new NatsOpts
    {
        Url = Url,
        Name = "inference-server",
        AuthOpts = new NatsAuthOpts { CredsFile = Credentials.Length > 0 ? Credentials : null },
        RequestTimeout = RequestTimeout,
        CommandTimeout = RequestTimeout,
        MaxReconnectRetry = -1,
        ReconnectWaitMax = LongestReconnectWait,
    });
}

[OptionsValidator]
internal sealed partial class NatsOptionsValidator : IValidateOptions<NatsOptions>;

/// <summary>The queue of many servers: a work-queue stream of JetStream with one durable consumer.</summary>
/// <remarks>Nothing here is needed for the truth: the stream may lose messages, and after a broker was killed it may keep
/// acknowledged ones. A message is a few dozen bytes.</remarks>
internal sealed class NatsWorkQueue : IWorkQueue, IDisposable
{
    /// <summary>The durable consumer, which scalers watch.</summary>
    public const string Consumer = "workers";

    // A worker keeps its work several times within AckWait. MaxAge ends messages that the broker forgot to remove.
    private static readonly TimeSpan AckWait = TimeSpan.FromSeconds(30), MaxAge = TimeSpan.FromDays(7);
    private static readonly TimeSpan DuplicateWindow = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5), RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RequestTimeout = NatsOptions.RequestTimeout;

    private readonly NatsJSContext _stream;
    private readonly NatsOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<NatsWorkQueue> _logger;
    private readonly SemaphoreSlim _opening = new(1);
    private INatsJSConsumer? _consumer;
    private bool _isAway;

    public NatsWorkQueue(
        NatsConnection connection, IOptions<NatsOptions> options, TimeProvider time, ILogger<NatsWorkQueue> logger)
    {
        (_options, _time, _logger) = (options.Value, time, logger);
        _stream = new NatsJSContext(connection);
    }

    public bool IsShared => true;

    public async Task AddAsync(WorkItem item, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = Timeout(cancellationToken);
        try
        {
            await OpenAsync(timeout.Token);
            byte[] message = JsonSerializer.SerializeToUtf8Bytes(item, JobJson.Default.WorkItem);
            NatsJSPubOpts once = new() { MsgId = item.Id };
            PubAckResponse answer = await _stream.PublishAsync(
                Subject(item.Job), message, opts: once, cancellationToken: timeout.Token);
            answer.EnsureSuccess();
        }
        catch (Exception e) when (IsAway(e, cancellationToken))
        {
            _consumer = null; // the stream may be gone with the broker's disk
            throw new IOException("The queue cannot be reached: " + e.Message, e);
        }
    }

    public async Task<IWorkLease> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                INatsJSConsumer consumer = await OpenAsync(cancellationToken);
                INatsJSMsg<byte[]>? message = await consumer.NextAsync<byte[]>(
                    opts: new NatsJSNextOpts { Expires = Poll }, cancellationToken: cancellationToken);
                SayBack();
                if (message is not null && await ReadAsync(message, cancellationToken) is { } lease)
                {
                    return lease;
                }
            }
            catch (Exception e) when (IsAway(e, cancellationToken))
            {
                SayAway(e);
                _consumer = null;
                await Task.Delay(RetryDelay, _time, cancellationToken);
            }
        }
    }

    // After a broker was killed the stream may keep messages that the consumer will never get: the smaller number is right.
    public async Task<int?> CountAsync(string job, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = Timeout(cancellationToken);
        try
        {
            INatsJSConsumer consumer = await OpenAsync(timeout.Token);
            await consumer.RefreshAsync(timeout.Token);
            long outstanding = (long)consumer.Info.NumPending + consumer.Info.NumAckPending;
            INatsJSStream stream = await _stream.GetStreamAsync(
                _options.Stream, new StreamInfoRequest { SubjectsFilter = Subject(job) }, timeout.Token);
            long stored = stream.Info.State.Subjects?.Values.Sum() ?? 0;
            return (int)Math.Min(outstanding, stored);
        }
        catch (Exception e) when (IsAway(e, cancellationToken))
        {
            SayAway(e);
            _consumer = null;
            return null;
        }
    }

    public void Dispose() => _opening.Dispose();

    private static bool IsAway(Exception e, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested
        && e is NatsException or OperationCanceledException or TimeoutException or IOException;

    // The client of NATS waits for a broker that is away.
    private static CancellationTokenSource Timeout(CancellationToken cancellationToken)
    {
        CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(RequestTimeout);
        return timeout;
    }

    private string Subject(string job) => $"{_options.Stream}.work.{job}";

    private async Task<INatsJSConsumer> OpenAsync(CancellationToken cancellationToken)
    {
        if (_consumer is { } open)
        {
            return open;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_consumer is { } opened)
            {
                return opened;
            }

            await _stream.CreateOrUpdateStreamAsync(
                new StreamConfig(_options.Stream, [$"{_options.Stream}.work.*"])
                {
                    Retention = StreamConfigRetention.Workqueue,
                    Storage = StreamConfigStorage.File,
                    NumReplicas = _options.Replicas,
                    MaxAge = MaxAge,
                    DuplicateWindow = DuplicateWindow,
                },
                cancellationToken);
            return _consumer = await _stream.CreateOrUpdateConsumerAsync(
                _options.Stream,
                new ConsumerConfig(Consumer)
                {
                    AckPolicy = ConsumerConfigAckPolicy.Explicit,
                    AckWait = AckWait,
                    MaxDeliver = -1, // JobTry finds images that end servers
                    MaxAckPending = 10_000,
                },
                cancellationToken);
        }
        finally
        {
            _opening.Release();
        }
    }

    // What is no message of this server would be delivered for ever.
    private static async Task<IWorkLease?> ReadAsync(INatsJSMsg<byte[]> message, CancellationToken cancellationToken)
    {
        try
        {
            if (JsonSerializer.Deserialize(message.Data ?? [], JobJson.Default.WorkItem) is { } item)
            {
                return new Lease(message, item);
            }
        }
        catch (JsonException)
        {
            // Removed below.
        }

        await message.AckTerminateAsync(cancellationToken: cancellationToken);
        return null;
    }

    private void SayAway(Exception e)
    {
        if (!_isAway)
        {
            _isAway = true;
            Log.QueueAway(_logger, e.Message);
        }
    }

    private void SayBack()
    {
        if (_isAway)
        {
            _isAway = false;
            Log.QueueBack(_logger);
        }
    }

    /// <summary>A message in progress. A failed acknowledgement only means that the work is delivered again.</summary>
    private sealed class Lease(INatsJSMsg<byte[]> message, WorkItem item) : IWorkLease
    {
        public WorkItem Item => item;

        public bool IsRepeated => item.IsFound || message.Metadata?.NumDelivered > 1;

        public Task KeepAsync(CancellationToken cancellationToken) => TryAsync(
            () => message.AckProgressAsync(cancellationToken: cancellationToken), cancellationToken);

        public Task CompleteAsync() => TryAsync(() => message.AckAsync(), CancellationToken.None);

        public Task PutBackAsync(TimeSpan delay) => TryAsync(() => message.NakAsync(delay: delay), CancellationToken.None);

        private static async Task TryAsync(Func<ValueTask> acknowledge, CancellationToken cancellationToken)
        {
            try
            {
                await acknowledge();
            }
            catch (Exception e) when (IsAway(e, cancellationToken))
            {
                // Delivered again after AckWait.
            }
        }
    }
}
