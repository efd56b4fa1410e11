using System.Net.Http.Json;
using System.Text.Json;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Jobs;

/// <summary>What an earlier run of the server has left.</summary>
public sealed class JobRestartTests : JobTestBase
{
    [Fact]
    public async Task Restart_InTheMiddle_GoesOnAndAnswersEachOnce()
    {
        (string, byte[])[] images = [.. Enumerable.Range(0, 6).Select(i => ($"{i}.png", Photo.Plain(10 + i, 8, (byte)(i % 3))))];
        Uri job;
        await using (SegmentationServer first = await StartAsync())
        {
            job = await CreateAsync(first, "?format=raw", images);
            await WatchAsync(first, job);
        }

        await UnfinishAsync(job, keep: 2, images);

        await using SegmentationServer second = await StartAsync();
        JsonElement[] events = await WatchAsync(second, job);

        Assert.Equal(("done", 6, 0), Progress(events[^1]));
        Dictionary<int, JsonElement> result = await ResultAsync(second, job);
        Assert.All(
            Enumerable.Range(0, 6),
            i =>
                Assert.Equal(
                    Enumerable.Repeat((byte)(i % 3), (10 + i) * 8),
                    result[i].GetProperty("mask").GetBytesFromBase64()));
    }

    [Fact]
    public async Task Restart_DoneJob_IsStillThere()
    {
        Uri job;
        await using (SegmentationServer first = await StartAsync())
        {
            job = await CreateAsync(first, "?format=raw", ("a.png", Photo.Png));
            await WatchAsync(first, job);
        }

        await using SegmentationServer second = await StartAsync();

        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(second, job))[^1]));
        Assert.Equal(Photo.Labels, (await ResultAsync(second, job))[0].GetProperty("mask").GetBytesFromBase64());
    }

    [Fact]
    public async Task Restart_FilesThatAreDamaged_HarmNoOtherJob()
    {
        Uri job = await LeaveUnfinishedAsync();
        int number = 0;
        foreach (string record in (string[])["", "null", "{}", "{\"request\":"])
        {
            string damaged = Directory.CreateDirectory(Path.Combine(Kept, $"{number++:D32}")).FullName;
            await File.WriteAllTextAsync(Path.Combine(damaged, "request.json"), record);
        }

        await using SegmentationServer server = await StartAsync();

        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, job))[^1]));
        Assert.Equal(Photo.Labels, (await ResultAsync(server, job))[0].GetProperty("mask").GetBytesFromBase64());
    }

    [Fact]
    public async Task Restart_ModelThatIsNotReady_IsWaitedForAndHoldsNobodyUp()
    {
        ModelsFolder models = new();
        models.Add("tiny", 1);
        models.Add("tiny-labels", 1);
        Uri job;
        await using (SegmentationServer first = await StartAsync(("Models:Path", models.Path)))
        {
            job = await CreateAsync(first, "?model=tiny-labels&format=raw", ("a.png", Photo.Png));
            await WatchAsync(first, job);
        }

        await UnfinishAsync(job);
        models.Remove("tiny-labels");
        models.AddBroken("tiny-labels", 1);
        await using (SegmentationServer second = await StartAsync(("Models:Path", models.Path)))
        {
            Uri next = await CreateAsync(second, "?model=tiny", ("a.png", Photo.Png));
            Assert.Equal(("done", 1, 0), Progress((await WatchAsync(second, next))[^1]));
            Assert.Equal(("queued", 0, 0), Progress(await second.Client.GetFromJsonAsync<JsonElement>(job)));

            models.Remove("tiny-labels");
            models.Add("tiny-labels", 1);
            second.Services.GetRequiredService<ModelRepository>().Reload("tiny-labels", CancellationToken.None);
            Assert.Equal(("done", 1, 0), Progress((await WatchAsync(second, job))[^1]));
        }

        models.Delete();
    }

    [Fact]
    public async Task Start_FolderThatCannotBeUsed_NamesTheKey()
    {
        string file = Path.Combine(Kept, "file");
        await File.WriteAllTextAsync(file, "");
        await using SegmentationServer first = await StartAsync();

        foreach (string path in (string[])[file, Kept])
        {
            using JobUpkeep second = new(
                records: null!, registry: null!, queue: null!, Options.Create(new JobOptions { Path = path }), TimeProvider.System,
                NullLogger<JobUpkeep>.Instance);
            OptionsValidationException refused = await Assert.ThrowsAsync<OptionsValidationException>(
                () => second.StartAsync(CancellationToken.None));
            Assert.Contains("Jobs:Path", refused.Message, StringComparison.Ordinal);
        }
    }
}
