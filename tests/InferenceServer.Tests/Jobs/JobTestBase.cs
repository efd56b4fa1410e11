using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using InferenceServer.Jobs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Jobs;

/// <summary>A folder for jobs, and what a client does with them.</summary>
public abstract class JobTestBase : IDisposable
{
    /// <summary>Where the server keeps its jobs.</summary>
    private protected string Kept { get; } = Directory.CreateTempSubdirectory().FullName;

    public void Dispose()
    {
        Directory.Delete(Kept, recursive: true);
        GC.SuppressFinalize(this);
    }

    private protected async Task<Uri> LeaveUnfinishedAsync()
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

    private protected async Task UnfinishAsync(Uri job)
    {
        string kept = Path.Combine(Kept, Path.GetFileName(job.ToString()));
        File.Delete(Path.Combine(kept, "status.json"));
        File.Delete(Path.Combine(kept, "answers.ndjson"));
        await File.WriteAllBytesAsync(Path.Combine(kept, "upload"), await ZipFile.Of(("a.png", Photo.Png)).ReadAsByteArrayAsync());
    }

    private protected static JobFolder Folder(string path) =>
        new(Options.Create(new JobOptions { Path = path }), NullLogger<JobFolder>.Instance);

    private protected static (string? State, int Masks, int Failures) Progress(JsonElement status) =>
        (status.GetProperty("state").GetString(), status.GetProperty("masks").GetInt32(), status.GetProperty("failures").GetInt32());

    private protected static async Task<Uri> CreateAsync(
        SegmentationServer server, string query, params (string Name, byte[] Bytes)[] files)
    {
        using HttpResponseMessage response = await server.Client.PostAsync("/v1/jobs" + query, ZipFile.Of(files));
        Assert.True(response.StatusCode == HttpStatusCode.Accepted, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!;
    }

    private protected static async Task<JsonElement[]> WatchAsync(SegmentationServer server, Uri job)
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

    private protected static async Task<Dictionary<int, JsonElement>> ResultAsync(SegmentationServer server, Uri job) =>
        (await server.Client.GetStringAsync(job + "/result")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonDocument.Parse(line).RootElement).ToDictionary(line => line.GetProperty("index").GetInt32());

    private protected Task<SegmentationServer> StartAsync(params (string Key, string Value)[] settings) =>
        SegmentationServer.StartAsync([("Jobs:Path", Kept), .. settings]);
}
