using System.Diagnostics.Metrics;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Tests;
using InferenceServer.Tests.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Jobs;

/// <summary>Work whose masks are fetched later.</summary>
public sealed class JobTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Create_NoFolder_IsExplained()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", Zip(("a.png", Photo.Png)));

        Assert.Contains("Jobs:Path", await ProblemAssert.IsAsync(HttpStatusCode.NotFound, response), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Job_FromBeginningToEnd_HasItsMasks()
    {
        await using SegmentationServer server = await StartAsync();

        Uri job = await CreateAsync(server, "?model=tiny&format=raw", ("a.png", Photo.Png), ("b.txt", [1, 2, 3]), ("c.png", Photo.Plain(5, 4, 2)));
        JsonElement[] events = await WatchAsync(server, job);

        Assert.Equal(("done", 2, 1), Progress(events[^1]));
        Assert.Equal(events[^1].GetRawText(), (await server.Client.GetFromJsonAsync<JsonElement>(job)).GetRawText());
        string folder = Assert.Single(Directory.EnumerateDirectories(_folder));
        Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(folder) == (UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute)); // nobody else reads it
        Dictionary<int, JsonElement> lines = await ResultAsync(server, job);
        Assert.Equal(Photo.Labels, lines[0].GetProperty("mask").GetBytesFromBase64());
        Assert.Equal(415, lines[1].GetProperty("status").GetInt32());
        Assert.Equal(Enumerable.Repeat((byte)2, 20), lines[2].GetProperty("mask").GetBytesFromBase64());

        using HttpResponseMessage deleted = await server.Client.DeleteAsync(job);
        using HttpResponseMessage gone = await server.Client.GetAsync(job);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (deleted.StatusCode, gone.StatusCode));
        Assert.Empty(Directory.EnumerateDirectories(_folder));
    }

    [Fact]
    public async Task Restart_InTheMiddle_GoesOnAndAnswersEachOnce()
    {
        (string, byte[])[] images = [.. Enumerable.Range(0, 6).Select(i => ($"{i}.png", Photo.Plain(10 + i, 8, (byte)(i % 3))))];
        byte[] upload = await Zip(images).ReadAsByteArrayAsync();
        Uri job;
        await using (SegmentationServer first = await StartAsync())
        {
            job = await CreateAsync(first, "?format=raw", images);
            await WatchAsync(first, job);
        }

        // As a crash leaves it: no status, the upload still there, and an answer cut off.
        string kept = Directory.EnumerateDirectories(_folder).Single();
        string answers = Path.Combine(kept, "answers.ndjson");
        File.Delete(Path.Combine(kept, "status.json"));
        await File.WriteAllBytesAsync(Path.Combine(kept, "upload"), upload);
        string[] lines = await File.ReadAllLinesAsync(answers);
        await File.WriteAllTextAsync(answers, lines[0] + "\n" + lines[1] + "\n" + lines[2][..20]);
        Directory.CreateDirectory(Path.Combine(_folder, "0123.part"));

        await using SegmentationServer second = await StartAsync();
        JsonElement[] events = await WatchAsync(second, job);

        Assert.Equal(("done", 6, 0), Progress(events[^1]));
        Dictionary<int, JsonElement> result = await ResultAsync(second, job);
        Assert.All(Enumerable.Range(0, 6), i => Assert.Equal(Enumerable.Repeat((byte)(i % 3), (10 + i) * 8), result[i].GetProperty("mask").GetBytesFromBase64()));
        Assert.Single(Directory.EnumerateDirectories(_folder));
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
    public async Task Job_DamagedZip_FailsAndSaysWhy()
    {
        await using SegmentationServer server = await StartAsync();
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", Photo.Content(Photo.Png, "application/zip"));

        JsonElement end = (await WatchAsync(server, response.Headers.Location!))[^1];

        Assert.Equal("failed", end.GetProperty("state").GetString());
        Assert.Contains("damaged", end.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_AtAnyTime_LeavesNothing()
    {
        await using SegmentationServer server = await StartAsync();
        Uri[] jobs = [await CreateAsync(server, "", ("a.png", Photo.Png)), await CreateAsync(server, "", ("b.png", Photo.Png)), await CreateAsync(server, "", ("c.png", Photo.Png))];

        foreach (Uri job in jobs)
        {
            using HttpResponseMessage deleted = await server.Client.DeleteAsync(job);
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        }

        await Eventually.TrueAsync(() => !Directory.EnumerateDirectories(_folder).Any());
    }

    [Fact]
    public async Task Create_TooManyKept_IsRefused()
    {
        await using SegmentationServer server = await StartAsync(("Jobs:MaxJobs", "1"));
        await CreateAsync(server, "", ("a.png", Photo.Png));
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", Zip(("b.png", Photo.Png)));

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, response);
    }

    [Fact]
    public async Task Job_ZipWithADamagedList_FailsAndTheNextGoesOn()
    {
        await using SegmentationServer server = await StartAsync();
        byte[] zip = await Zip(("a.png", Photo.Png)).ReadAsByteArrayAsync();
        (zip[^14], zip[^12]) = (2, 2); // entries of this disk, and of all
        using HttpResponseMessage damaged = await server.Client.PostAsync("/v1/jobs", Photo.Content(zip, "application/zip"));
        Uri next = await CreateAsync(server, "", ("a.png", Photo.Png));

        Assert.Equal("failed", (await WatchAsync(server, damaged.Headers.Location!))[^1].GetProperty("state").GetString());
        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, next))[^1]));
    }

    [Fact]
    public async Task Job_WhoseEndCannotBeWritten_IsToldAndTheNextGoesOn()
    {
        Uri job = await LeaveUnfinishedAsync();
        Directory.CreateDirectory(Path.Combine(Directory.EnumerateDirectories(_folder).Single(), "status.json.part"));

        await using SegmentationServer server = await StartAsync();
        Uri next = await CreateAsync(server, "", ("a.png", Photo.Png));

        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, next))[^1]));
        Assert.Equal(("done", 1, 0), Progress((await WatchAsync(server, job))[^1]));
    }

    [Fact]
    public async Task Restart_FilesThatAreDamaged_HarmNoOtherJob()
    {
        Uri job = await LeaveUnfinishedAsync();
        string kept = Directory.EnumerateDirectories(_folder).Single();
        await File.WriteAllTextAsync(Path.Combine(kept, "answers.ndjson"), "\0\0\0\0\n"); // as power loss leaves them
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "0123")).FullName, "request.json"), "");

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
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        using JobFolder none = Folder(file), first = Folder(_folder), second = Folder(_folder);
        string parts = Directory.CreateDirectory(Path.Combine(_folder, "0123.part")).FullName;
        first.Open();
        Assert.False(Directory.Exists(parts));
        Directory.CreateDirectory(parts); // now an upload of the first

        Assert.Contains("Jobs:Path", Assert.Throws<OptionsValidationException>(none.Open).Message, StringComparison.Ordinal);
        Assert.Contains("Jobs:Path", Assert.Throws<OptionsValidationException>(second.Open).Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(parts));
    }

    [Fact]
    public async Task Create_NoRoom_IsRefusedBeforeTheBody()
    {
        await using SegmentationServer server = await StartAsync(("Bulk:MaxBytes", "4000"), ("Jobs:MaxBytes", "4000"));
        Uri job = await CreateAsync(server, "?format=raw", ("a.png", Photo.Png));
        await WatchAsync(server, job);

        using HttpRequestMessage asking = new(HttpMethod.Post, "/v1/jobs") { Content = Photo.Content(new byte[3000], "application/zip"), Headers = { ExpectContinue = true } };
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
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs?" + query, Zip(("a.png", Photo.Png)));

        await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, response);
        Assert.Empty(Directory.EnumerateDirectories(_folder));
    }

    [Fact]
    public async Task Job_OfOneKey_IsNoOtherKeys()
    {
        await using SegmentationServer server = await StartAsync([.. ((string[])["lab", "shop"]).Select(k => ($"Security:Keys:{k}:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(k)))))]);
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
        Assert.Single(Directory.EnumerateDirectories(_folder));
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
        await using SegmentationServer server = await StartAsync(("Bulk:Concurrency", "1"));
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
        FakeClock clock = new();
        Job job = new(new JobStatus { Id = "a", State = JobState.Queued, Masks = 0, Failures = 0 }, new JobRequest("application/zip", null, default), new HashSet<int>(), answerBytes: 0);
        await using IAsyncEnumerator<JobStatus> watch = job.WatchAsync(clock, CancellationToken.None).GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());

        Task<bool> next = watch.MoveNextAsync().AsTask();
        Assert.False(next.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(15));

        Assert.True(await next);
        Assert.Equal(JobState.Queued, watch.Current.State);
    }

    [Fact]
    public async Task Job_KeptLongEnough_GoesWithoutAnyRequest()
    {
        FakeClock clock = new();
        await LeaveUnfinishedAsync();
        string kept = Directory.EnumerateDirectories(_folder).Single();
        await File.WriteAllTextAsync(Path.Combine(kept, "status.json"), $$"""{"id": "{{Path.GetFileName(kept)}}", "state": "Done", "masks": 1, "failures": 0, "ended": "{{clock.GetUtcNow():O}}"}""");
        IOptions<JobOptions> options = Options.Create(new JobOptions { Path = _folder, KeepFor = TimeSpan.FromMinutes(1) });
        await using ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        using JobFolder folder = new(options, NullLogger<JobFolder>.Instance);
        JobStore store = new(folder, options, services.GetRequiredService<IMeterFactory>(), clock);
        using JobWorker worker = new(store, folder, runner: null!, repository: null!, keys: null!, clock, NullLogger<JobWorker>.Instance);
        await worker.StartAsync(CancellationToken.None);
        Assert.True(Directory.Exists(kept));

        await Eventually.TrueAsync(() =>
        {
            clock.Advance(TimeSpan.FromMinutes(2));
            return !Directory.Exists(kept);
        });

        Assert.Null(store.Find(Path.GetFileName(kept), caller: null));
        await worker.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Images_EachAnswered_AreCounted()
    {
        await using SegmentationServer server = await StartAsync();
        using Measurements measured = new(server);
        await WatchAsync(server, await CreateAsync(server, "?model=tiny", ("a.png", Photo.Png), ("b.png", Photo.Png)));

        await measured.UntilAsync("seg_requests_total{code=200,model=tiny,route=/v1/jobs,version=1}", 2);
        string metrics = await server.Client.GetStringAsync("/metrics");
        Assert.Contains("\nseg_jobs_queued 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nseg_jobs_running 0\n", metrics, StringComparison.Ordinal);
    }

    // As a crash leaves a job of one image: no status, and the upload still there.
    private async Task<Uri> LeaveUnfinishedAsync()
    {
        Uri job;
        await using (SegmentationServer server = await StartAsync())
        {
            job = await CreateAsync(server, "?format=raw", ("a.png", Photo.Png));
            await WatchAsync(server, job);
        }

        await UnfinishAsync(job);
        return job;
    }

    private static JobFolder Folder(string path) => new(Options.Create(new JobOptions { Path = path }), NullLogger<JobFolder>.Instance);

    private async Task UnfinishAsync(Uri job)
    {
        string kept = Path.Combine(_folder, Path.GetFileName(job.ToString()));
        File.Delete(Path.Combine(kept, "status.json"));
        File.Delete(Path.Combine(kept, "answers.ndjson"));
        await File.WriteAllBytesAsync(Path.Combine(kept, "upload"), await Zip(("a.png", Photo.Png)).ReadAsByteArrayAsync());
    }

    private static (string? State, int Masks, int Failures) Progress(JsonElement status) =>
        (status.GetProperty("state").GetString(), status.GetProperty("masks").GetInt32(), status.GetProperty("failures").GetInt32());

    private static ByteArrayContent Zip(params (string Name, byte[] Bytes)[] files)
    {
        using MemoryStream file = new();
        using (ZipArchive zip = new(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in files)
            {
                using Stream entry = zip.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        }

        return new ByteArrayContent(file.ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue("application/zip") } };
    }

    private static async Task<Uri> CreateAsync(SegmentationServer server, string query, params (string Name, byte[] Bytes)[] files)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs" + query, Zip(files));
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!;
    }

    private static async Task<JsonElement[]> WatchAsync(SegmentationServer server, Uri job)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(job + "/events", HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        List<JsonElement> events = [];
        await foreach (SseItem<string> item in SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync())
        {
            events.Add(JsonDocument.Parse(item.Data).RootElement);
        }

        return [.. events];
    }

    private static async Task<Dictionary<int, JsonElement>> ResultAsync(SegmentationServer server, Uri job) =>
        (await server.Client.GetStringAsync(job + "/result")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement).ToDictionary(line => line.GetProperty("index").GetInt32());

    private Task<SegmentationServer> StartAsync(params (string Key, string Value)[] settings) => SegmentationServer.StartAsync([("Jobs:Path", _folder), .. settings]);
}
