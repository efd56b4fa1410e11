using System.Text.Json;
using InferenceServer.Hosting;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Jobs as files: a folder for each, which appears whole, and a file in it that appears whole when the job ends.</summary>
/// <remarks><c>request.json</c>, <c>upload</c>, <c>answers.ndjson</c>, which grows by a line for each image, and at the end <c>status.json</c>. What a crash cut off is a last line without its end.
/// A lock beside them keeps a second server away.</remarks>
internal sealed class JobFolder(IOptions<JobOptions> options, ILogger<JobFolder> logger) : IDisposable
{
    private const string RequestFile = "request.json", StatusFile = "status.json", AnswersFile = "answers.ndjson", UploadFile = "upload", LockFile = "lock", Part = ".part";
    private const int BufferSize = 64 * 1024;
    private FileStream? _lock;

    private string Root => options.Value.Path;

    /// <summary>Whether there are jobs here.</summary>
    public bool IsEnabled => Root.Length > 0;

    public string Upload(string id) => Path.Combine(Root, id, UploadFile);

    public string Answers(string id) => Path.Combine(Root, id, AnswersFile);

    /// <summary>Takes the folder for this server, and clears away what never became a job.</summary>
    /// <exception cref="OptionsValidationException">It cannot be written, or another server works on it.</exception>
    public void Open()
    {
        try
        {
            Directory.CreateDirectory(Root);
            _lock = new FileStream(Path.Combine(Root, LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            foreach (string part in Directory.EnumerateDirectories(Root, "*" + Part).ToArray())
            {
                Directory.Delete(part, recursive: true);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsValidationException("Jobs", typeof(JobOptions), [$"Jobs:Path: expected a folder that this server may write and no other works on, got '{Root}'. {e.Message}"]);
        }
    }

    /// <summary>Takes in a job.</summary>
    /// <param name="id">Its name.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="receive">Writes its upload to the path that it is given.</param>
    public async Task AddAsync(string id, JobRequest request, Func<string, Task> receive)
    {
        string part = Path.Combine(Root, id + Part);
        PrivateFiles.CreateFolder(part);
        try
        {
            await receive(Path.Combine(part, UploadFile));
            Write(Path.Combine(part, RequestFile), JsonSerializer.SerializeToUtf8Bytes(request, JobJson.Default.JobRequest));
            Directory.Move(part, Path.Combine(Root, id));
        }
        catch
        {
            Directory.Delete(part, recursive: true);
            throw;
        }
    }

    /// <summary>Notes how a job ended; its upload goes last, so that no crash leaves a job that is neither whole nor done.</summary>
    public void Finish(JobStatus status)
    {
        string file = Path.Combine(Root, status.Id, StatusFile);
        Write(file + Part, JsonSerializer.SerializeToUtf8Bytes(status, JobJson.Default.JobStatus));
        File.Move(file + Part, file, overwrite: true);
        File.Delete(Upload(status.Id));
    }

    /// <summary>Removes a job's files, as far as there are any.</summary>
    public void Remove(string id)
    {
        try
        {
            Directory.Delete(Path.Combine(Root, id), recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Somebody else was faster.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.JobNotRemoved(logger, e, id);
        }
    }

    /// <summary>Copies the beginning of a job's answers, which grow meanwhile.</summary>
    public async Task CopyAnswersAsync(string id, long length, Stream output, CancellationToken cancellationToken)
    {
        await using FileStream file = new(Answers(id), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, BufferSize, FileOptions.Asynchronous);
        byte[] buffer = new byte[BufferSize];
        while (length > 0 && await file.ReadAsync(buffer.AsMemory(0, (int)Math.Min(length, BufferSize)), cancellationToken) is > 0 and int count)
        {
            await output.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            length -= count;
        }
    }

    /// <summary>Bytes that a job takes.</summary>
    public long Bytes(string id) => Length(Upload(id)) + Length(Answers(id));

    /// <summary>All jobs that an earlier run of the server has left, the oldest first.</summary>
    public IReadOnlyList<Job> Load() =>
        [.. new DirectoryInfo(Root).EnumerateDirectories().Where(d => File.Exists(Path.Combine(d.FullName, RequestFile))).OrderBy(d => File.GetLastWriteTimeUtc(Path.Combine(d.FullName, RequestFile))).Select(d => Load(d.Name)).OfType<Job>()];

    public void Dispose() => _lock?.Dispose();

    // What cannot be read is left to people, and harms no other job.
    private Job? Load(string id)
    {
        try
        {
            JobRequest request = JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(Root, id, RequestFile)), JobJson.Default.JobRequest)!;
            string ended = Path.Combine(Root, id, StatusFile);
            if (File.Exists(ended))
            {
                return new Job(JsonSerializer.Deserialize(File.ReadAllBytes(ended), JobJson.Default.JobStatus)!, request, new HashSet<int>(), Length(Answers(id)));
            }

            using FileStream answers = new(Answers(id), FileMode.OpenOrCreate, FileAccess.ReadWrite);
            HashSet<int> answered = AnswerLines.Read(answers, out int failures, out long length);
            answers.SetLength(length);
            return new Job(new JobStatus { Id = id, State = JobState.Queued, Masks = answered.Count - failures, Failures = failures }, request, answered, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            Log.JobUnreadable(logger, e, id);
            return null;
        }
    }

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    // On the disk before it gets its name: a name without its bytes is what power loss would leave.
    private static void Write(string path, byte[] bytes)
    {
        using FileStream file = File.Create(path);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }
}
