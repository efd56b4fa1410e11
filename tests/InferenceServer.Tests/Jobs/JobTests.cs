using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text.Json;

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
        Dictionary<int, JsonElement> lines = await ResultAsync(server, job);
        Assert.Equal(Photo.Labels, lines[0].GetProperty("mask").GetBytesFromBase64());
        Assert.Equal(415, lines[1].GetProperty("status").GetInt32());
        Assert.Equal(Enumerable.Repeat((byte)2, 20), lines[2].GetProperty("mask").GetBytesFromBase64());

        using HttpResponseMessage deleted = await server.Client.DeleteAsync(job);
        using HttpResponseMessage gone = await server.Client.GetAsync(job);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (deleted.StatusCode, gone.StatusCode));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder));
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
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder));
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

        await Eventually.TrueAsync(() => !Directory.EnumerateFileSystemEntries(_folder).Any());
    }

    [Fact]
    public async Task Create_TooManyKept_IsRefused()
    {
        await using SegmentationServer server = await StartAsync(("Jobs:MaxJobs", "1"));
        await CreateAsync(server, "", ("a.png", Photo.Png));
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs", Zip(("b.png", Photo.Png)));

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, response);
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
