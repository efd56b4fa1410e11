using System.Net.Http.Json;
using System.Text.Json;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Jobs;

/// <summary>What an earlier run of the server has left.</summary>
public sealed class JobRestartTests : JobTestBase
{
    [Fact]
    public async Task Restart_InTheMiddle_GoesOnAndAnswersEachOnce()
    {
        (string, byte[])[] images = [.. Enumerable.Range(0, 6).Select(i => ($"{i}.png", Photo.Plain(10 + i, 8, (byte)(i % 3))))];
        byte[] upload = await ZipFile.Of(images).ReadAsByteArrayAsync();
        Uri job;
        await using (SegmentationServer first = await StartAsync())
        {
            job = await CreateAsync(first, "?format=raw", images);
            await WatchAsync(first, job);
        }

        // As a crash leaves it: no status, the upload still there, and an answer cut off.
        string kept = Directory.EnumerateDirectories(Kept).Single();
        string answers = Path.Combine(kept, "answers.ndjson");
        File.Delete(Path.Combine(kept, "status.json"));
        await File.WriteAllBytesAsync(Path.Combine(kept, "upload"), upload);
        string[] lines = await File.ReadAllLinesAsync(answers);
        await File.WriteAllTextAsync(answers, lines[0] + "\n" + lines[1] + "\n" + lines[2][..20]);
        Directory.CreateDirectory(Path.Combine(Kept, "0123.part"));

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
        Assert.Single(Directory.EnumerateDirectories(Kept));
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
        string kept = Directory.EnumerateDirectories(Kept).Single();
        await File.WriteAllTextAsync(Path.Combine(kept, "answers.ndjson"), "\0\0\0\0\n"); // as power loss leaves them
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(Kept, "0123")).FullName, "request.json"), "");

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
    public void Open_FolderThatCannotBeUsed_NamesTheKey()
    {
        string file = Path.Combine(Kept, "file");
        File.WriteAllText(file, "");
        using JobFolder none = Folder(file), first = Folder(Kept), second = Folder(Kept);
        string parts = Directory.CreateDirectory(Path.Combine(Kept, "0123.part")).FullName;
        first.Open();
        Assert.False(Directory.Exists(parts));
        Directory.CreateDirectory(parts); // now an upload of the first

        Assert.Contains("Jobs:Path", Assert.Throws<OptionsValidationException>(none.Open).Message, StringComparison.Ordinal);
        Assert.Contains("Jobs:Path", Assert.Throws<OptionsValidationException>(second.Open).Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(parts));
    }
}
