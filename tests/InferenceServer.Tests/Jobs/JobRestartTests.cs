using System.Net;
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

    /// <summary>Records of a job, and what becomes of the job where one of them is damaged; null where it is none any
    /// more.</summary>
    public static TheoryData<string, string?> Records => new()
    {
        { "request.json", null },
        { "status.json", "failed" },
        { "plan.json", "failed" },
        { "plan/000000.json", "failed" },
        { "tries/00000000", "failed" },
        { "done/00000/readme.txt", "done" },
        { "done/00000/99999999", "done" },
        { "failed/00000/readme.txt", "done" },
    };

    [Theory, MemberData(nameof(Records))]
    public async Task Restart_RecordThatIsDamaged_HarmsNoOtherJob(string record, string? expected)
    {
        Uri job = await LeaveUnfinishedAsync();
        string good = Path.Combine(Kept, Path.GetFileName(job.ToString()));
        byte[][] contents =
        [
            [], "null"u8.ToArray(), "{}"u8.ToArray(), "[]"u8.ToArray(), "[null]"u8.ToArray(), "7"u8.ToArray(), "{\"request\":"u8.ToArray(),
            "{\"total\":-1,\"chunk_size\":0}"u8.ToArray(), "{\"index\":\"x\",\"deaths\":[]}"u8.ToArray(), [0xFF, 0xFE, 0x80],
        ];
        for (int i = 0; i < contents.Length; i++)
        {
            string damaged = Path.Combine(Kept, $"{i:D32}"); // before the good one in a listing, or behind it
            Copy(good, damaged);
            string file = Path.Combine(damaged, record);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllBytesAsync(file, contents[i]);
        }

        await using SegmentationServer server = await StartAsync();

        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, job))[^1]));
        Assert.Equal(Photo.Labels, (await ResultAsync(server, job))[0].GetProperty("mask").GetBytesFromBase64());
        for (int i = 0; i < contents.Length; i++)
        {
            Uri other = new($"/v1/jobs/{i:D32}", UriKind.Relative);
            if (expected is null)
            {
                using HttpResponseMessage response = await server.Client.GetAsync(other);
                await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response);
                continue;
            }

            Assert.Equal(expected, Progress((await WatchAsync(server, other))[^1]).State);
            using HttpResponseMessage deleted = await server.Client.DeleteAsync(other);
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        }
    }

    [Fact]
    public async Task Restart_FoldersThatAreNoJobs_AreLeftAlone()
    {
        string other = Directory.CreateDirectory(Path.Combine(Kept, "lost+found")).FullName;
        await File.WriteAllTextAsync(Path.Combine(other, "request.json"), "null");
        File.SetLastWriteTimeUtc(Path.Combine(other, "request.json"), DateTime.UnixEpoch);

        await using SegmentationServer server = await StartAsync();

        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, await CreateAsync(server, "", ("a.png", Photo.Png))))[^1]));
        Assert.True(File.Exists(Path.Combine(other, "request.json")));
    }

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
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
