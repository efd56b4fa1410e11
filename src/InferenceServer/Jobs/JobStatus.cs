using System.Text.Json.Serialization;

namespace InferenceServer.Jobs;

/// <summary>State and progress of a job.</summary>
public sealed record JobStatus
{
    /// <summary>The job's ID.</summary>
    public required string Id { get; init; }

    /// <summary>queued, running, done or failed.</summary>
    public required JobState State { get; init; }

    /// <summary>The model's name; null is the default model.</summary>
    public string? Model { get; init; }

    /// <summary>Images of the job; null until its sources are listed.</summary>
    public int? Total { get; init; }

    /// <summary>Images with a mask.</summary>
    public required int Done { get; init; }

    /// <summary>Images with an error.</summary>
    public required int Failed { get; init; }

    /// <summary>Images a second, over the last minute; null while nothing is known.</summary>
    public double? Rate { get; init; }

    /// <summary>When the job will end at this rate; null while nothing is known.</summary>
    public DateTimeOffset? Eta { get; init; }

    /// <summary>Why the job failed.</summary>
    public string? Reason { get; init; }

    /// <summary>When the job was made.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When the job was done or failed; null before.</summary>
    public DateTimeOffset? Ended { get; init; }
}

/// <summary>State of a job.</summary>
public enum JobState
{
    /// <summary>No image of the job is answered yet.</summary>
    [JsonStringEnumMemberName("queued")]
    Queued,

    /// <summary>The job's images are being segmented.</summary>
    [JsonStringEnumMemberName("running")]
    Running,

    /// <summary>All images are answered.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>The job has stopped at an error; its answers so far are kept.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, MaxDepth = 16,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(JobRequest))]
[JsonSerializable(typeof(StoredJob))]
[JsonSerializable(typeof(JobStatus))]
[JsonSerializable(typeof(JobPlan))]
[JsonSerializable(typeof(JobItem[]))]
[JsonSerializable(typeof(JobTotals))]
[JsonSerializable(typeof(JobTry))]
[JsonSerializable(typeof(WorkItem))]
[JsonSerializable(typeof(string))]
internal sealed partial class JobJson : JsonSerializerContext;
