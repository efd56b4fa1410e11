using System.Runtime.CompilerServices;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Scheduling;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.Segment;

/// <summary>A client that goes away takes its work with it.</summary>
[Collection(SharedServer.Name)]
public sealed class DisconnectTests(SegmentationServer server)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Segment_ClientsLeaveTheQueue_FreeTheirPlaces()
    {
        SemaphoreSlim slots = Slots(server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!.Scheduler);
        await slots.WaitAsync(); // the only one, so that every request waits
        try
        {
            using CancellationTokenSource client = new();
            Task<HttpResponseMessage>[] requests = [.. Enumerable.Range(0, 3).Select(_ => server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png), client.Token))];
            await UntilAsync(() => server.Admission.Requests == requests.Length);

            await client.CancelAsync();

            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(requests));
            await UntilAsync(() => server.Admission.Requests == 0);
        }
        finally
        {
            slots.Release();
        }

        using HttpResponseMessage next = await server.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        Assert.True(next.IsSuccessStatusCode);
    }

    // Nobody but a test wants to hold a session without running it.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_slots")]
    private static extern ref SemaphoreSlim Slots(SessionScheduler scheduler);

    private static async Task UntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource patience = new(Patience);
        while (!condition())
        {
            await Task.Delay(1, patience.Token);
        }
    }
}
