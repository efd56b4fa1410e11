using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Jobs as files: a folder for each, which appears whole, and a file in it that appears whole when the job ends.</summary>
/// <remarks><c>request.json</c>, <c>upload</c>, <c>answers.ndjson</c>, which grows by a line for each image, and at the end <c>status.json</c>. What a crash cut off is a last line without its end.</remarks>
internal sealed partial class JobFolder(IOptions<JobOptions> options)
{
    private const string RequestFile = "request.json", StatusFile = "status.json", AnswersFile = "answers.ndjson", UploadFile = "upload", Part = ".part";

    private string Root => options.Value.Path;

    /// <summary>Whether there are jobs here.</summary>
    public bool IsEnabled => Root.Length > 0;

    public string Upload(string id) => Path.Combine(Root, id, UploadFile);

    public string Answers(string id) => Path.Combine(Root, id, AnswersFile);

    /// <summary>Takes in a job whose upload is complete.</summary>
    public async Task AddAsync(string id, JobRequest request, Stream upload, CancellationToken cancellationToken)
    {
        string part = Directory.CreateDirectory(Path.Combine(Root, id + Part)).FullName;
        try
        {
            await using (FileStream file = File.Create(Path.Combine(part, UploadFile)))
            {
                await upload.CopyToAsync(file, cancellationToken);
                file.Flush(flushToDisk: true);
            }

            await File.WriteAllBytesAsync(Path.Combine(part, RequestFile), JsonSerializer.SerializeToUtf8Bytes(request, JobJson.Default.JobRequest), cancellationToken);
            Directory.Move(part, Path.Combine(Root, id));
        }
        catch
        {
            Directory.Delete(part, recursive: true);
            throw;
        }
    }

    /// <summary>Notes how a job ended.</summary>
    public void Finish(JobStatus status)
    {
        string file = Path.Combine(Root, status.Id, StatusFile);
        File.WriteAllBytes(file + Part, JsonSerializer.SerializeToUtf8Bytes(status, JobJson.Default.JobStatus));
        File.Move(file + Part, file, overwrite: true);
        File.Delete(Upload(status.Id));
    }

    public void Remove(string id)
    {
        if (Directory.Exists(Path.Combine(Root, id)))
        {
            Directory.Delete(Path.Combine(Root, id), recursive: true);
        }
    }

    /// <summary>When a finished job ended.</summary>
    public DateTimeOffset EndedAt(string id) => File.GetLastWriteTimeUtc(Path.Combine(Root, id, StatusFile));

    /// <summary>All jobs that an earlier run of the server has left, the oldest first.</summary>
    public IReadOnlyList<Job> Load()
    {
        Directory.CreateDirectory(Root);
        foreach (string part in Directory.EnumerateDirectories(Root, "*" + Part).ToArray())
        {
            Directory.Delete(part, recursive: true);
        }

        return [.. new DirectoryInfo(Root).EnumerateDirectories().Where(d => File.Exists(Path.Combine(d.FullName, RequestFile))).OrderBy(d => File.GetLastWriteTimeUtc(Path.Combine(d.FullName, RequestFile))).Select(d => Load(d.Name))];
    }

    /// <summary>Images that have an answer already; cuts off a line that a crash has left unfinished.</summary>
    public HashSet<int> Answered(string id, out int failures)
    {
        failures = 0;
        HashSet<int> answered = [];
        using FileStream file = new(Answers(id), FileMode.OpenOrCreate, FileAccess.ReadWrite);
        using StreamReader reader = new(file, leaveOpen: true);
        long whole = 0;
        while (ReadLine(reader) is { } line)
        {
            whole += System.Text.Encoding.UTF8.GetByteCount(line) + 1;
            // The writer's own lines, whose members stand in a known order.
            Match match = Head().Match(line);
            answered.Add(int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture));
            failures += line.Contains("\"status\":200,", StringComparison.Ordinal) ? 0 : 1;
        }

        file.SetLength(whole);
        return answered;
    }

    [GeneratedRegex("^\\{\"index\":(\\d+),")]
    private static partial Regex Head();

    // Not StreamReader's, which takes the rest of a file for a line.
    private static string? ReadLine(StreamReader reader)
    {
        System.Text.StringBuilder line = new();
        for (int c = reader.Read(); c >= 0; c = reader.Read())
        {
            if (c == '\n')
            {
                return line.ToString();
            }

            line.Append((char)c);
        }

        return null;
    }

    private Job Load(string id)
    {
        JobRequest request = JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(Root, id, RequestFile)), JobJson.Default.JobRequest)!;
        string ended = Path.Combine(Root, id, StatusFile);
        if (File.Exists(ended))
        {
            return new Job(JsonSerializer.Deserialize(File.ReadAllBytes(ended), JobJson.Default.JobStatus)!, request);
        }

        int answered = Answered(id, out int failures).Count;
        return new Job(new JobStatus { Id = id, State = JobState.Queued, Masks = answered - failures, Failures = failures }, request);
    }
}
