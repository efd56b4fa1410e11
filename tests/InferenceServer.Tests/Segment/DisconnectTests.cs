using System.Net.Sockets;
using System.Text;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Segment;

/// <summary>A client that goes away takes its work with it, also out of a network that is running.</summary>
public sealed class DisconnectTests : IAsyncLifetime
{
    private const int Many = 1000;
    private const int LeakedBytes = 4096; // a request that stays behind holds more: its image
    private SegmentationServer _server = null!;
    private LoadedModel _model = null!;

    public async Task InitializeAsync()
    {
        // No request is rejected here, however long the queue is.
        _server = await SegmentationServer.StartAsync(
            ("Scheduling:Instances", "1"), ("Scheduling:MaxRequests", $"{2 * Many}"),
            ("Scheduling:OverloadInterval", "00:01:00"));
        _model = _server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Segment_ClientsLeave_TakeTheirWorkOutOfQueueAndNetwork()
    {
        using (GatedSession gate = new(_model))
        {
            using CancellationTokenSource client = new();
            Task<HttpResponseMessage>[] requests =
            [
                .. Enumerable.Range(0, 3)
                    .Select(_ => _server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png), client.Token))
            ];
            await Eventually.TrueAsync(() => _model.Scheduler is { Running: 1, QueuedImages: 2 });

            await client.CancelAsync();

            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(requests));
            await IdleAsync(); // although the gate is still closed
        }

        using HttpResponseMessage next = await _server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        Assert.True(next.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Segment_ManyClientsHangUpSoon_LeaveNothingBehind()
    {
        using GatedSession gate = new(_model);
        await HangUpAsync(); // what is made only once: code, connections, pools
        long rented = PooledArrays.RentedBytes;
        long heap = GC.GetTotalMemory(forceFullCollection: true);

        await HangUpAsync();

        Assert.InRange(gate.Runs.Count, 0, 2 * Many);
        Assert.Equal(rented, PooledArrays.RentedBytes);
        // Sockets that were aborted end in their own time.
        await Eventually.TrueAsync(() => GC.GetTotalMemory(forceFullCollection: true) - heap < Many * LeakedBytes);
    }

    [Fact]
    public async Task Segment_ClientLeavesInTheMiddleOfItsImage_FreesItsPlace()
    {
        using (TcpClient client = new())
        {
            await client.ConnectAsync("127.0.0.1", _server.Client.BaseAddress!.Port);
            byte[] head = Encoding.ASCII.GetBytes(
                "POST /v1/segment/tiny HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: " +
                $"{1 << 20}\r\n\r\n");
            await client.GetStream().WriteAsync(head);
            await client.GetStream().WriteAsync(Photo.Png);
            // What has come counts, not what is announced.
            await Eventually.TrueAsync(() => _server.InFlight is { Requests: 0, Readers: 1, Bytes: > 0 and < 1 << 20 });
        }

        await IdleAsync();
    }

    private async Task HangUpAsync()
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, Many), new ParallelOptions { MaxDegreeOfParallelism = 200 }, async (_, _) =>
        {
            using CancellationTokenSource client = new(TimeSpan.FromMilliseconds(20));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                _server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png), client.Token));
        });
        await IdleAsync();
    }

    private Task IdleAsync()
    {
        BatchScheduler scheduler = _model.Scheduler;
        return Eventually.TrueAsync(() => _server.InFlight is { Requests: 0, Readers: 0, Bytes: 0, Pixels: 0, AnswerBytes: 0 }
            && scheduler is { Running: 0, QueuedImages: 0, Backlog.Count: 0 }
            && scheduler.Queued(Priority.Interactive).Pixels == 0);
    }
}
