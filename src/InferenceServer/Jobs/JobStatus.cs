using System.Text.Json.Serialization;
using InferenceServer.Runtime;
using InferenceServer.Segment;

namespace InferenceServer.Jobs;

/// <summary>State and progress of a job.</summary>
public sealed record JobStatus
{
    /// <summary>The job's ID.</summary>
    public required string Id { get; init; }

    /// <summary>queued, running, done or failed.</summary>
    public required JobState State { get; init; }

    /// <summary>Images with a mask.</summary>
    public required int Masks { get; init; }

    /// <summary>Images with an error.</summary>
    public required int Failures { get; init; }

    /// <summary>Why the job failed.</summary>
    public string? Reason { get; init; }

    /// <summary>When the job was done or failed; null before.</summary>
    public DateTimeOffset? Ended { get; init; }
}

/// <summary>State of a job.</summary>
public enum JobState
{
    /// <summary>The job waits for the jobs before it.</summary>
    Queued,

    /// <summary>The job's images are being segmented.</summary>
    Running,

    /// <summary>All images are answered.</summary>
    Done,

    /// <summary>The job has stopped at an error; its answers so far are kept.</summary>
    Failed,
}

/// <summary>The request that made a job, as it is stored.</summary>
/// <param name="ContentType">Media type of the upload.</param>
/// <param name="Model">The model's name; null is the default model.</param>
/// <param name="Parameters">The request parameters by name; they apply to each image.</param>
internal sealed record JobRequest(string ContentType, string? Model, IReadOnlyDictionary<string, string> Parameters)
{
    /// <summary>The parameters as settings.</summary>
    /// <exception cref="SegmentationException">A parameter is unknown, or its value is not allowed.</exception>
    [JsonIgnore]
    public SegmentSettings Settings =>
        Parameters.Aggregate(
            SegmentSettings.Default, (settings, p) => SegmentSettingsBinder.Apply(settings, p.Key, p.Value));

    /// <summary>The caller that made the job and alone may see it; null without a key or token.</summary>
    public string? Owner { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(JobRequest))]
[JsonSerializable(typeof(JobStatus))]
internal sealed partial class JobJson : JsonSerializerContext;
