using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Storage;
using InferenceServer.Tests.Bulk;
using InferenceServer.Tests.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Jobs;

/// <summary>Work whose masks are fetched later.</summary>
public sealed class JobTests : JobTestBase
{
    [Fact]
    public async Task Job_OfAZipWithABadFile_AnswersTheOthers()
    {
        await using SegmentationServer server = await StartAsync();
        byte[] zip = UploadTests.ZipWithAFault("checksum", System.IO.Compression.CompressionLevel.Optimal);

        using HttpResponseMessage created = await server.Client.PostAsync(
            "/v1/jobs?model=tiny&format=raw", Photo.Content(zip, "application/zip"));
        Assert.Equal(HttpStatusCode.Accepted, created.StatusCode);
        JsonElement[] events = await WatchAsync(server, created.Headers.Location!);

        Assert.Equal(("done", 2, 1), Progress(events[^1]));
        Dictionary<int, JsonElement> lines = await ResultAsync(server, created.Headers.Location!);
        Assert.Equal(Photo.Labels, lines[2].GetProperty("mask").GetBytesFromBase64());
        Assert.Equal(("b.png", 422), (lines[1].GetProperty("name").GetString(), lines[1].GetProperty("status").GetInt32()));
        Assert.Contains("CRC-32", lines[1].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_AnnouncedLargerThanAnyUploadMayBe_Answers413()
    {
        await using SegmentationServer server = await StartAsync();
        using TcpClient client = new();
        await client.ConnectAsync(server.Client.BaseAddress!.Host, server.Client.BaseAddress.Port);
        byte[] request =
        [
            .. "POST /v1/jobs HTTP/1.1\r\nHost: a\r\nContent-Type: application/zip\r\n"u8,
            .. "Content-Length: 9000000000000000000\r\n\r\n"u8,
        ];
        await client.GetStream().WriteAsync(request);
        using StreamReader reader = new(client.GetStream());

        Assert.StartsWith("HTTP/1.1 413", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_NoFolder_IsExplained()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", ZipFile.Of(("a.png", Photo.Png)));

        Assert.Contains("Jobs:Path", await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_FromBeginningToEnd_HasItsMasks()
    {
        await using SegmentationServer server = await StartAsync();

        Uri job = await CreateAsync(
            server, "?model=tiny&format=raw", ("a.png", Photo.Png), ("b.txt", [1, 2, 3]),
            ("c.png", Photo.Plain(5, 4, 2)));
        JsonElement[] events = await WatchAsync(server, job);

        Assert.Equal(("done", 2, 1), Progress(events[^1]));
        Assert.Equal(events[^1].GetRawText(), (await server.Client.GetFromJsonAsync<JsonElement>(job)).GetRawText());
        string folder = Assert.Single(Directory.EnumerateDirectories(Kept));
        // Only the server's user may read the folder.
        Assert.True(
            OperatingSystem.IsWindows()
                || File.GetUnixFileMode(folder) == (
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        Dictionary<int, JsonElement> lines = await ResultAsync(server, job);
        Assert.Equal(Photo.Labels, lines[0].GetProperty("mask").GetBytesFromBase64());
        Assert.Equal(415, lines[1].GetProperty("status").GetInt32());
        Assert.Equal(Enumerable.Repeat((byte)2, 20), lines[2].GetProperty("mask").GetBytesFromBase64());

        using HttpResponseMessage deleted = await server.Client.DeleteAsync(job);
        using HttpResponseMessage gone = await server.Client.GetAsync(job);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (deleted.StatusCode, gone.StatusCode));
        Assert.Empty(Directory.EnumerateDirectories(Kept));
    }

    [Fact]
    public async Task Create_DamagedZip_IsRefusedAndLeavesNothing()
    {
        await using SegmentationServer server = await StartAsync();
        byte[] zip = await ZipFile.Of(("a.png", Photo.Png)).ReadAsByteArrayAsync();
        byte[] damagedList = [.. zip];
        (damagedList[^14], damagedList[^12]) = (2, 2); // entries of this disk, and of all

        foreach (byte[] damaged in (byte[][])[Photo.Png, zip[..^30], damagedList])
        {
            using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", Photo.Content(damaged, "application/zip"));
            Assert.Contains("damaged", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response), StringComparison.Ordinal);
        }

        Assert.Empty(Directory.EnumerateDirectories(Kept));
    }

    [Fact]
    public async Task Delete_AtAnyTime_LeavesNothing()
    {
        await using SegmentationServer server = await StartAsync();
        Uri[] jobs =
        [
            await CreateAsync(server, "", ("a.png", Photo.Png)), await CreateAsync(server, "", ("b.png", Photo.Png)),
            await CreateAsync(server, "", ("c.png", Photo.Png))
        ];

        foreach (Uri job in jobs)
        {
            using HttpResponseMessage deleted = await server.Client.DeleteAsync(job);
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        }

        await Eventually.TrueAsync(() => !Directory.EnumerateDirectories(Kept).Any());
    }

    [Fact]
    public async Task Create_TooManyKept_IsRefused()
    {
        await using SegmentationServer server = await StartAsync(("Jobs:MaxJobs", "1"));
        await CreateAsync(server, "", ("a.png", Photo.Png));
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", ZipFile.Of(("b.png", Photo.Png)));

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, response);
    }

    [Fact]
    public async Task Job_WhoseEndCannotBeWritten_IsTriedAgainAndTheNextGoesOn()
    {
        Uri job = await LeaveUnfinishedAsync();
        string obstacle = Directory.CreateDirectory(Path.Combine(Directory.EnumerateDirectories(Kept).Single(), "status.json")).FullName;

        await using SegmentationServer server = await StartAsync();
        Uri next = await CreateAsync(server, "", ("a.png", Photo.Png));

        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, next))[^1]));
        await Eventually.TrueAsync(
            async () => Progress(await server.Client.GetFromJsonAsync<JsonElement>(job)) == ("running", 1, 0));
        Directory.Delete(obstacle);
        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, job))[^1]));
    }

    [Fact]
    public async Task Create_NoRoom_IsRefusedBeforeTheBody()
    {
        await using SegmentationServer server = await StartAsync(("Bulk:MaxBytes", "4000"), ("Jobs:MaxBytes", "4000"));
        Uri job = await CreateAsync(server, "?format=raw", ("a.png", Photo.Png));
        await WatchAsync(server, job);

        using HttpRequestMessage asking = new(HttpMethod.Post, "/v1/jobs")
        {
            Content = Photo.Content(new byte[3000], "application/zip"),
            Headers = { ExpectContinue = true },
        };
        using HttpResponseMessage refused = await server.Client.SendAsync(asking);

        Assert.Contains("bytes", await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, refused), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_AnswersThatFillTheFolder_Fails()
    {
        await using SegmentationServer server = await StartAsync(("Bulk:MaxBytes", "4000"), ("Jobs:MaxBytes", "4000"));
        Uri job = await CreateAsync(server, "?format=npy-probabilities", ("a.png", Photo.Png));

        JsonElement end = (await WatchAsync(server, job))[^1];

        Assert.Equal("failed", end.GetProperty("state").GetString());
        Assert.Contains("Jobs:MaxBytes", end.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_WhatDescribesTheAnswer_IsNotTheMasks()
    {
        await using SegmentationServer server = await StartAsync();
        server.Client.DefaultRequestHeaders.Accept.ParseAdd("application/json");
        Uri job = await CreateAsync(server, "", ("a.png", Photo.Png));
        await WatchAsync(server, job);

        Assert.Equal("image/png", (await ResultAsync(server, job))[0].GetProperty("content_type").GetString());
    }

    [Theory]
    [InlineData("timeout=soon")]
    [InlineData("priority=high")]
    [InlineData("alpha=2")]
    [InlineData("unknown=1")]
    public async Task Create_QueryThatIsWrong_IsToldAtOnce(string query)
    {
        await using SegmentationServer server = await StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs?" + query, ZipFile.Of(("a.png", Photo.Png)));

        await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
        Assert.Empty(Directory.EnumerateDirectories(Kept));
    }

    [Fact]
    public async Task Job_OfOneKey_IsNoOtherKeys()
    {
        await using SegmentationServer server = await StartAsync(
            [
                .. ((string[])["lab", "shop"]).Select(k =>
                    (
                        $"Security:Keys:{k}:Hash",
                        "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(k)))))
            ]);
        server.Client.DefaultRequestHeaders.Add("X-API-Key", "lab");
        Uri job = await CreateAsync(server, "", ("a.png", Photo.Png));
        await WatchAsync(server, job);

        server.Client.DefaultRequestHeaders.Remove("X-API-Key");
        server.Client.DefaultRequestHeaders.Add("X-API-Key", "shop");
        foreach (string path in (string[])["", "/events", "/result"])
        {
            using HttpResponseMessage response = await server.Client.GetAsync(job + path);
            await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response);
        }

        using HttpResponseMessage deleted = await server.Client.DeleteAsync(job);
        Assert.Equal(HttpStatusCode.NotFound, deleted.StatusCode);
        Assert.Single(Directory.EnumerateDirectories(Kept));
    }

    [Fact]
    public async Task Stop_WithAWatcher_EndsItsConnection()
    {
        await using SegmentationServer server = await StartAsync(("Hosting:ShutdownTimeout", "00:10:00"));
        using GatedSession gate = new(server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        Uri job = await CreateAsync(server, "", ("a.png", Photo.Png));
        await Eventually.TrueAsync(() => gate.Runs.Count == 1);
        using HttpResponseMessage events = await server.Client.GetAsync(job + "/events", HttpCompletionOption.ResponseHeadersRead);

        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        Assert.Contains("running", await events.Content.ReadAsStringAsync().WaitAsync(TimeSpan.FromSeconds(30)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Result_WhileItRuns_HasTheLinesThatAreWhole()
    {
        (string, byte[])[] images = [("a.png", Photo.Png), ("b.png", Photo.Png)];
        await using SegmentationServer server = await StartAsync(("Jobs:Workers", "1"));
        int runs = 0;
        TaskCompletionSource second = new();
        using GatedSession gate = new(server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!)
        {
            Ran = _ => (++runs == 2 ? second.Task : Task.CompletedTask).Wait(),
        };
        gate.Open();
        Uri job = await CreateAsync(server, "?format=raw", images);
        await Eventually.TrueAsync(() => runs == 2);

        Dictionary<int, JsonElement> soFar = await ResultAsync(server, job);
        second.SetResult();
        await WatchAsync(server, job);

        Assert.Equal([0], soFar.Keys);
        Assert.Equal([0, 1], (await ResultAsync(server, job)).Keys.Order());
    }

    [Fact]
    public async Task Watch_NothingHappens_IsNotSilent()
    {
        FakeTimeProvider clock = new();
        Job job = new("a", new StoredJob(new JobRequest(), clock.GetUtcNow()), clock);
        int looks = 0;
        await using IAsyncEnumerator<JobStatus> watch = job.WatchAsync(
            () => Task.FromResult(looks++), TimeSpan.FromSeconds(15), CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());

        Task<bool> next = watch.MoveNextAsync().AsTask();
        Assert.False(next.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(15));

        Assert.True(await next);
        Assert.Equal((JobState.Queued, 1), (watch.Current.State, looks));
    }

    [Fact]
    public async Task Job_KeptLongEnough_GoesWithoutAnyRequest()
    {
        FakeTimeProvider clock = new();
        await LeaveUnfinishedAsync();
        string kept = Directory.EnumerateDirectories(Kept).Single();
        JobStatus ended = new()
        {
            Id = Path.GetFileName(kept), State = JobState.Done, Done = 1, Failed = 0, Created = clock.GetUtcNow(),
            Ended = clock.GetUtcNow(),
        };
        await File.WriteAllTextAsync(Path.Combine(kept, "status.json"), JsonSerializer.Serialize(ended, JobJson.Default.JobStatus));
        IOptions<JobOptions> options = Options.Create(new JobOptions { Path = Kept, KeepFor = TimeSpan.FromMinutes(1) });
        await using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        JobRecords records = new(new FolderStore(Kept));
        LocalWorkQueue queue = new(clock);
        JobRegistry registry = new(
            records, queue, options, Options.Create(new SchedulingOptions()), services.GetRequiredService<IMeterFactory>(), clock,
            NullLogger<JobRegistry>.Instance);
        using JobUpkeep upkeep = new(records, registry, queue, options, clock, NullLogger<JobUpkeep>.Instance);
        await upkeep.StartAsync(CancellationToken.None);
        Assert.True(Directory.Exists(kept));

        await Eventually.TrueAsync(() =>
        {
            clock.Advance(TimeSpan.FromMinutes(2));
            return !Directory.Exists(kept);
        });

        Assert.Null(await registry.FindAsync(Path.GetFileName(kept), CancellationToken.None));
        await upkeep.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Images_EachAnswered_AreCounted()
    {
        await using SegmentationServer server = await StartAsync();
        using Measurements measured = new(server);
        await WatchAsync(server, await CreateAsync(server, "?model=tiny", ("a.png", Photo.Png), ("b.png", Photo.Png)));

        await measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/v1/jobs,version=1}", 2);
        Exposition metrics = new(await server.Client.GetStringAsync("/metrics"), isOpenMetrics: false);
        Assert.Equal((0, 0), (metrics["seg_jobs_queued"], metrics["seg_jobs_running"]));
    }
}
