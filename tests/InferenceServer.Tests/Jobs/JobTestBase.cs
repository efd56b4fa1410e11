using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using InferenceServer.Jobs;

namespace InferenceServer.Tests.Jobs;

/// <summary>A folder for jobs, and what a client does with them.</summary>
public abstract class JobTestBase : IDisposable
{
    /// <summary>Where the server keeps its jobs.</summary>
    private protected string Kept { get; } = Directory.CreateTempSubdirectory().FullName;

    public virtual void Dispose()
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

    private protected Task UnfinishAsync(Uri job) => UnfinishAsync(job, keep: 0, ("a.png", Photo.Png));

    // As a crash leaves an uploaded job: no status, the images and the plan still there, and the first chunks done.
    private protected async Task UnfinishAsync(Uri job, int keep, params (string Name, byte[] Bytes)[] images)
    {
        string kept = Path.Combine(Kept, Path.GetFileName(job.ToString()));
        File.Delete(Path.Combine(kept, "status.json"));
        string done = Path.Combine(kept, "done", "00000");
        foreach (string chunk in Directory.EnumerateFiles(done).Order().Skip(keep).ToArray())
        {
            File.Delete(chunk);
        }

        if (keep == 0)
        {
            Directory.Delete(Path.GetDirectoryName(done)!, recursive: true);
        }

        Directory.CreateDirectory(Path.Combine(kept, "images"));
        Directory.CreateDirectory(Path.Combine(kept, "plan"));
        JobItem[] items = [.. images.Select((image, i) => new JobItem(image.Name, $"images/{i:D8}"))];
        await File.WriteAllTextAsync(
            Path.Combine(kept, "plan", "000000.json"), JsonSerializer.Serialize(items, JobJson.Default.JobItemArray));
        for (int i = 0; i < images.Length; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(kept, items[i].Key), images[i].Bytes);
        }
    }

    private protected static (string? State, int Done, int Failed) Progress(JsonElement status) =>
        (status.GetProperty("state").GetString(), status.GetProperty("done").GetInt32(), status.GetProperty("failed").GetInt32());

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
