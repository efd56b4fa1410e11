using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Jobs;

/// <summary>Jobs on a volume without room.</summary>
public sealed class JobFullVolumeTests
{
    [MountTheory, InlineData(300_000)]
    public async Task Create_UploadLargerThanTheVolume_Answers507AndLeavesNothing(int bytes)
    {
        await using Volume volume = await Volume.MountAsync("size=256k");
        await using SegmentationServer server = await SegmentationServer.StartAsync(("Jobs:Path", volume.Path));
        byte[] noise = new byte[bytes];
        Random.Shared.NextBytes(noise);

        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", ZipFile.Of(("a.png", noise)));

        string detail = await ProblemAssert.IsAsync(HttpStatusCode.InsufficientStorage, response);
        Assert.Contains("free space", detail, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateDirectories(volume.Path));
        Assert.Equal("[]", await server.Client.GetStringAsync("/v1/jobs"));
    }

    [MountTheory, InlineData(600, 600)]
    public async Task Work_AnswersLargerThanTheVolume_FailWithTheReasonAndGiveTheRoomBack(int width, int height)
    {
        await using Volume volume = await Volume.MountAsync("size=256k");
        FakeTimeProvider clock = new();
        await using SegmentationServer server = new(
            [("Jobs:Path", volume.Path)], services => services.AddSingleton<TimeProvider>(clock));
        await server.InitializeAsync();
        byte[] small = Photo.Plain(8, 8, 1), large = Photo.Plain(width, height, 1); // some kilobytes, and 480 kB of answers
        using HttpResponseMessage created = await server.Client.PostAsync(
            "/v1/jobs?format=raw", ZipFile.Of(("a.png", small), ("b.png", large)));
        Uri job = created.Headers.Location!;

        JsonElement status = default;
        await Eventually.TrueAsync(async () =>
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            status = JsonDocument.Parse(await server.Client.GetStringAsync(job)).RootElement;
            return status.GetProperty("state").GetString() is "failed" or "done";
        });

        Assert.Contains("had no room", status.GetProperty("reason").GetString(), StringComparison.Ordinal);
        string[] lines = (await server.Client.GetStringAsync(job + "/result")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(0, JsonDocument.Parse(Assert.Single(lines)).RootElement.GetProperty("index").GetInt32());
        Assert.Empty(Directory.EnumerateDirectories(volume.Path, "images", SearchOption.AllDirectories));
        using HttpResponseMessage deleted = await server.Client.DeleteAsync(job);
        Assert.Empty(Directory.EnumerateDirectories(volume.Path));
    }
}
