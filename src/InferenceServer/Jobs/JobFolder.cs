using System.Text.Json;
using InferenceServer.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Stores jobs as files: one folder for each job.</summary>
/// <remarks>A folder holds <c>request.json</c>, <c>upload</c>, <c>answers.ndjson</c>, which grows by a line for each
/// image, and at the end <c>status.json</c>. Folder and status appear atomically, by renaming;
/// a crash can leave only an incomplete last line of answers. A lock file keeps a second server away.</remarks>
internal sealed class JobFolder(IOptions<JobOptions> options, ILogger<JobFolder> logger) : IDisposable
{
    private const string RequestFile = "request.json", UploadFile = "upload", AnswersFile = "answers.ndjson";
    private const string StatusFile = "status.json", LockFile = "lock", Part = ".part";
    private const int BufferSize = 64 * 1024;
    private FileStream? _lock;

    private string Root => options.Value.Path;

    /// <summary>Whether the server keeps jobs.</summary>
    public bool IsEnabled => Root.Length > 0;

    public string Upload(string id) => Path.Combine(Root, id, UploadFile);

    public string Answers(string id) => Path.Combine(Root, id, AnswersFile);

    /// <summary>Locks the folder for this server, and removes incomplete uploads.</summary>
    /// <exception cref="OptionsValidationException">The folder cannot be written, or another server has locked
    /// it.</exception>
    public void Open()
    {
        try
        {
            Directory.CreateDirectory(Root);
            _lock = new FileStream(
                Path.Combine(Root, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            foreach (string part in Directory.EnumerateDirectories(Root, "*" + Part).ToArray())
            {
                Directory.Delete(part, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsValidationException(
                "Jobs", typeof(JobOptions),
                [$"Jobs:Path: expected a folder that this server may write and no other server uses, got '{Root}'. {e.Message}"]);
        }
    }

    /// <summary>Stores a new job.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="request">The request that makes the job.</param>
    /// <param name="receive">Writes the upload to the given path.</param>
    public async Task AddAsync(string id, JobRequest request, Func<string, Task> receive)
    {
        string part = Path.Combine(Root, id + Part);
        PrivateFiles.CreateFolder(part);
        try
        {
            await receive(Path.Combine(part, UploadFile));
            Write(
                Path.Combine(part, RequestFile),
                JsonSerializer.SerializeToUtf8Bytes(request, JobJson.Default.JobRequest));
            Directory.Move(part, Path.Combine(Root, id));
        }
        catch
        {
            Directory.Delete(part, recursive: true);
            throw;
        }
    }

    /// <summary>Stores a job's final status. The upload is deleted last, so that a crash leaves a job that can continue
    /// or is finished.</summary>
    public void Finish(JobStatus status)
    {
        string file = Path.Combine(Root, status.Id, StatusFile);
        Write(file + Part, JsonSerializer.SerializeToUtf8Bytes(status, JobJson.Default.JobStatus));
        File.Move(file + Part, file, overwrite: true);
        File.Delete(Upload(status.Id));
    }

    /// <summary>Removes a job's files.</summary>
    public void Remove(string id)
    {
        try
        {
            Directory.Delete(Path.Combine(Root, id), recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Removed already.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.JobNotRemoved(logger, e, id);
        }
    }

    /// <summary>Copies the first <paramref name="length"/> bytes of a job's answers, while the file grows.</summary>
    public async Task CopyAnswersAsync(string id, long length, Stream output, CancellationToken cancellationToken)
    {
        await using FileStream file = new(
            Answers(id), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferSize,
            FileOptions.Asynchronous);
        byte[] buffer = new byte[BufferSize];
        while (length > 0
            && await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(length, BufferSize)), cancellationToken) is > 0 and int count)
        {
            await output.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            length -= count;
        }
    }

    /// <summary>Bytes of a job's upload and answers.</summary>
    public long Bytes(string id) => Length(Upload(id)) + Length(Answers(id));

    /// <summary>Loads all jobs in the folder, the oldest first.</summary>
    public IReadOnlyList<Job> Load() =>
    [
        .. new DirectoryInfo(Root).EnumerateDirectories()
            .Select(folder => (folder.Name, Request: Path.Combine(folder.FullName, RequestFile)))
            .Where(job => File.Exists(job.Request))
            .OrderBy(job => File.GetLastWriteTimeUtc(job.Request))
            .Select(job => Load(job.Name))
            .OfType<Job>(),
    ];

    public void Dispose() => _lock?.Dispose();

    // A job whose files cannot be read is logged and skipped.
    private Job? Load(string id)
    {
        try
        {
            byte[] stored = File.ReadAllBytes(Path.Combine(Root, id, RequestFile));
            JobRequest request = JsonSerializer.Deserialize(stored, JobJson.Default.JobRequest)!;
            string ended = Path.Combine(Root, id, StatusFile);
            if (File.Exists(ended))
            {
                JobStatus status = JsonSerializer.Deserialize(File.ReadAllBytes(ended), JobJson.Default.JobStatus)!;
                return new Job(status, request, new HashSet<int>(), Length(Answers(id)));
            }

            using FileStream answers = new(Answers(id), FileMode.OpenOrCreate, FileAccess.ReadWrite);
            HashSet<int> answered = AnswerLines.Read(answers, out int failures, out long length);
            answers.SetLength(length);
            JobStatus queued = new() { Id = id, State = JobState.Queued, Masks = answered.Count - failures, Failures = failures };
            return new Job(queued, request, answered, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.JobUnreadable(logger, e, id);
            return null;
        }
    }

    private static long Length(string path)
    {
        if (new FileInfo(path) is { Exists: true } file)
        {
            return file.Length;
        }

        return 0;
    }

    // Flushed before it is renamed: power loss could otherwise leave the name without its bytes.
    private static void Write(string path, byte[] bytes)
    {
        using FileStream file = File.Create(path);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }
}
