using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using InferenceServer.Runtime.Storage;

namespace InferenceServer.Jobs;

/// <summary>The records of all jobs in a store. They are the truth about jobs; a queue only says who works on
/// what.</summary>
/// <remarks>A job has <c>ID/images/…</c> (uploaded images), <c>ID/plan/…</c> (its images, page by page), <c>ID/plan.json</c>
/// (after the pages), <c>ID/request.json</c> (the job exists from then on), for each finished chunk
/// <c>ID/done/GROUP/CHUNK</c> with a line for each image and, before that, <c>ID/failed/GROUP/CHUNK.COUNT</c> with the lines
/// of the images that failed, and at the end <c>ID/status.json</c>. A group has a thousand chunks, so that progress is known
/// from one page of a listing.</remarks>
internal sealed class JobRecords(IObjectStore store)
{
    /// <summary>Chunks of a group.</summary>
    public const int GroupSize = 1000;

    private const string Json = "application/json", Lines = "application/x-ndjson", Bytes = "application/octet-stream";
    private const string RequestFile = "request.json", PlanFile = "plan.json", StatusFile = "status.json";
    private const string NotifiedFile = "notified";

    // Without keys, everybody who knows the ID may see the job, so it must not be guessed.
    private const int IdBytes = 16;

    /// <summary>An ID for a new job.</summary>
    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(IdBytes));

    /// <summary>Whether a text is the ID of a job.</summary>
    public static bool IsId(string text) => text.Length == 2 * IdBytes && text.All(char.IsAsciiHexDigitLower);

    /// <summary>The IDs of all jobs, and of jobs that are being made or removed; other folders are not touched.</summary>
    public IAsyncEnumerable<string> IdsAsync(CancellationToken cancellationToken) =>
        store.ListFoldersAsync("", cancellationToken).Where(IsId);

    /// <summary>Makes the job exist. Uploaded images and their plan are written before.</summary>
    public Task AddAsync(string id, StoredJob job, CancellationToken cancellationToken) =>
        WriteAsync($"{id}/{RequestFile}", job, JobJson.Default.StoredJob, WriteMode.Replace, cancellationToken);

    /// <summary>The request of a job; null where there is no such job.</summary>
    /// <exception cref="JsonException">The record is damaged.</exception>
    public Task<StoredJob?> FindAsync(string id, CancellationToken cancellationToken) =>
        ReadAsync($"{id}/{RequestFile}", JobJson.Default.StoredJob, cancellationToken);

    /// <summary>Writes an uploaded image.</summary>
    /// <returns>The image's key.</returns>
    public async Task<string> AddImageAsync(
        string id, int index, ReadOnlyMemory<byte> image, CancellationToken cancellationToken)
    {
        string key = string.Create(CultureInfo.InvariantCulture, $"images/{index:D8}");
        using MemoryStream content = new(image.ToArray(), writable: false);
        await store.WriteAsync($"{id}/{key}", content, Bytes, WriteMode.Replace, cancellationToken);
        return key;
    }

    /// <summary>Opens an uploaded image; null where the job was removed.</summary>
    public Task<Stream?> OpenImageAsync(string id, string key, CancellationToken cancellationToken) =>
        store.OpenAsync($"{id}/{key}", cancellationToken);

    /// <summary>Writes a page of a job's images.</summary>
    public Task AddPageAsync(string id, int page, JobItem[] items, CancellationToken cancellationToken) =>
        WriteAsync(Page(id, page), items, JobJson.Default.JobItemArray, WriteMode.Replace, cancellationToken);

    /// <summary>Writes the plan, after all its pages.</summary>
    public Task AddPlanAsync(string id, JobPlan plan, CancellationToken cancellationToken) =>
        WriteAsync($"{id}/{PlanFile}", plan, JobJson.Default.JobPlan, WriteMode.Replace, cancellationToken);

    /// <summary>The plan of a job; null before its sources are listed.</summary>
    /// <exception cref="JsonException">The record is damaged.</exception>
    public async Task<JobPlan?> PlanAsync(string id, CancellationToken cancellationToken)
    {
        JobPlan? plan = await ReadAsync($"{id}/{PlanFile}", JobJson.Default.JobPlan, cancellationToken);
        if (plan is null or { Total: >= 1 and <= JobPlan.MostImages, ChunkSize: >= 1 and <= JobPlan.PageSize })
        {
            return plan;
        }

        throw new JsonException($"Expected numbers of images in {id}/{PlanFile}, got {plan.Total} in chunks of {plan.ChunkSize}.");
    }

    /// <summary>The images of a chunk.</summary>
    public async Task<JobItem[]> ItemsAsync(string id, JobPlan plan, int chunk, CancellationToken cancellationToken)
    {
        int first = chunk * plan.ChunkSize;
        int start = first % JobPlan.PageSize;
        JobItem[]? page = await ReadAsync(Page(id, first / JobPlan.PageSize), JobJson.Default.JobItemArray, cancellationToken);
        if (page?.Length >= start + plan.Count(chunk) && !page.Contains(null))
        {
            return page.AsSpan(start, plan.Count(chunk)).ToArray();
        }

        throw new StorageException(
            $"The plan of job {id} is incomplete. Delete the job and send it again.", isTransient: false);
    }

    /// <summary>Finishes a chunk.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="chunk">The chunk.</param>
    /// <param name="lines">A line for each image.</param>
    /// <param name="failedLines">The lines of the images that failed.</param>
    /// <param name="failed">Their number.</param>
    /// <param name="cancellationToken">Cancels writing.</param>
    public async Task FinishAsync(
        string id, int chunk, Stream lines, Stream failedLines, int failed, CancellationToken cancellationToken)
    {
        if (failed > 0)
        {
            await store.WriteAsync(FailedKey(id, chunk, failed), failedLines, Lines, WriteMode.Replace, cancellationToken);
        }

        await store.WriteAsync(Group(id, "done", chunk), lines, Lines, WriteMode.New, cancellationToken);
    }

    /// <summary>Whether a chunk is finished.</summary>
    public async Task<bool> IsFinishedAsync(string id, int chunk, CancellationToken cancellationToken) =>
        await store.FindAsync(Group(id, "done", chunk), cancellationToken) is not null;

    /// <summary>The finished chunks of a group: number, failed images, and bytes of the lines.</summary>
    public async Task<IReadOnlyList<FinishedChunk>> FinishedAsync(string id, int group, CancellationToken cancellationToken)
    {
        Dictionary<int, int> failed = [];
        List<FinishedChunk> finished = [];
        // Finished chunks first: then the failures of each are there.
        await foreach (StoredObject done in store.ListAsync(GroupPrefix(id, "done", group), cancellationToken))
        {
            if (TryNumber(done.Key, group, out int chunk))
            {
                finished.Add(new FinishedChunk(chunk, Failed: 0, done.Length));
            }
        }

        await foreach (StoredObject lines in store.ListAsync(GroupPrefix(id, "failed", group), cancellationToken))
        {
            ReadOnlySpan<char> count = lines.Key.AsSpan(lines.Key.LastIndexOf('.') + 1);
            if (TryNumber(lines.Key, group, out int chunk)
                && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                failed[chunk] = number;
            }
        }

        return [.. finished.Select(chunk => chunk with { Failed = failed.GetValueOrDefault(chunk.Number) })];
    }

    /// <summary>Opens the lines of a finished chunk; null where it is not finished.</summary>
    public Task<Stream?> OpenLinesAsync(string id, int chunk, CancellationToken cancellationToken) =>
        store.OpenAsync(Group(id, "done", chunk), cancellationToken);

    /// <summary>Opens the lines of a chunk's images that failed; null where none failed.</summary>
    public Task<Stream?> OpenFailedLinesAsync(string id, FinishedChunk chunk, CancellationToken cancellationToken) =>
        store.OpenAsync(FailedKey(id, chunk.Number, chunk.Failed), cancellationToken);

    /// <summary>Writes the status of a job that has ended.</summary>
    public Task EndAsync(JobStatus status, CancellationToken cancellationToken) =>
        WriteAsync($"{status.Id}/{StatusFile}", status, JobJson.Default.JobStatus, WriteMode.New, cancellationToken);

    /// <summary>The status of a job that has ended; null before.</summary>
    public Task<JobStatus?> EndedAsync(string id, CancellationToken cancellationToken) =>
        ReadAsync($"{id}/{StatusFile}", JobJson.Default.JobStatus, cancellationToken);

    /// <summary>Removes what an ended job no longer needs: uploaded images and the plan's pages.</summary>
    public async Task TidyAsync(string id, CancellationToken cancellationToken)
    {
        await RemoveBelowAsync($"{id}/images/", cancellationToken);
        await RemoveBelowAsync($"{id}/plan/", cancellationToken);
    }

    /// <summary>Notes that the webhook was told.</summary>
    public Task NotedAsync(string id, CancellationToken cancellationToken) =>
        store.WriteAsync($"{id}/{NotifiedFile}", Stream.Null, Bytes, WriteMode.Replace, cancellationToken);

    /// <summary>Whether the webhook was told.</summary>
    public async Task<bool> IsNotedAsync(string id, CancellationToken cancellationToken) =>
        await store.FindAsync($"{id}/{NotifiedFile}", cancellationToken) is not null;

    /// <summary>Writes which image of a chunk is begun.</summary>
    public Task TryAsync(string id, int chunk, JobTry attempt, CancellationToken cancellationToken) =>
        WriteAsync(Try(id, chunk), attempt, JobJson.Default.JobTry, WriteMode.Replace, cancellationToken);

    /// <summary>The image that was begun by a worker that has ended; null where there is none.</summary>
    public Task<JobTry?> TriedAsync(string id, int chunk, CancellationToken cancellationToken) =>
        ReadAsync(Try(id, chunk), JobJson.Default.JobTry, cancellationToken);

    /// <summary>Removes the note of <see cref="TryAsync"/>.</summary>
    public Task TriedAllAsync(string id, int chunk, CancellationToken cancellationToken) =>
        store.DeleteAsync(Try(id, chunk), cancellationToken);

    /// <summary>Removes all records of a job. From the first moment on the job does not exist.</summary>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        await store.DeleteAsync($"{id}/{RequestFile}", cancellationToken);
        await RemoveBelowAsync($"{id}/", cancellationToken);
    }

    /// <summary>When anything was last written below an ID; null where nothing is there.</summary>
    public async Task<DateTimeOffset?> TouchedAsync(string id, CancellationToken cancellationToken)
    {
        DateTimeOffset? last = null;
        await foreach (StoredObject found in store.ListAsync($"{id}/", cancellationToken))
        {
            last = last > found.Modified ? last : found.Modified;
        }

        return last;
    }

    private static string Page(string id, int page) =>
        string.Create(CultureInfo.InvariantCulture, $"{id}/plan/{page:D6}.json");

    private static string Try(string id, int chunk) =>
        string.Create(CultureInfo.InvariantCulture, $"{id}/tries/{chunk:D8}");

    private static string GroupPrefix(string id, string kind, int group) =>
        string.Create(CultureInfo.InvariantCulture, $"{id}/{kind}/{group:D5}/");

    private static string Group(string id, string kind, int chunk) =>
        string.Create(CultureInfo.InvariantCulture, $"{GroupPrefix(id, kind, chunk / GroupSize)}{chunk:D8}");

    private static string FailedKey(string id, int chunk, int failed) =>
        string.Create(CultureInfo.InvariantCulture, $"{Group(id, "failed", chunk)}.{failed}");

    // Other files in the folder are no chunks.
    private static bool TryNumber(string key, int group, out int chunk)
    {
        ReadOnlySpan<char> name = key.AsSpan(key.LastIndexOf('/') + 1);
        return int.TryParse(name[..Math.Min(8, name.Length)], NumberStyles.None, CultureInfo.InvariantCulture, out chunk)
            && chunk / GroupSize == group;
    }

    private async Task RemoveBelowAsync(string prefix, CancellationToken cancellationToken)
    {
        await foreach (StoredObject found in store.ListAsync(prefix, cancellationToken))
        {
            await store.DeleteAsync(found.Key, cancellationToken);
        }
    }

    private async Task WriteAsync<T>(
        string key, T value, JsonTypeInfo<T> type, WriteMode mode, CancellationToken cancellationToken)
    {
        using MemoryStream content = new(JsonSerializer.SerializeToUtf8Bytes(value, type), writable: false);
        await store.WriteAsync(key, content, Json, mode, cancellationToken);
    }

    private async Task<T?> ReadAsync<T>(string key, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class
    {
        await using Stream? content = await store.OpenAsync(key, cancellationToken);
        if (content is null)
        {
            return null;
        }

        return await JsonSerializer.DeserializeAsync(content, type, cancellationToken)
            ?? throw new JsonException($"Expected an object in {key}, got null.");
    }
}

/// <summary>A finished chunk of a job.</summary>
/// <param name="Number">The chunk's number.</param>
/// <param name="Failed">Images with an error.</param>
/// <param name="Bytes">Bytes of its lines.</param>
internal readonly record struct FinishedChunk(int Number, int Failed, long Bytes);
