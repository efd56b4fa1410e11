using System.Text.Json.Serialization;
using InferenceServer.Runtime;
using InferenceServer.Segment;

namespace InferenceServer.Jobs;

/// <summary>How far a job is.</summary>
public sealed record JobStatus
{
    /// <summary>Its name in addresses.</summary>
    public required string Id { get; init; }

    /// <summary>queued, running, done or failed.</summary>
    public required JobState State { get; init; }

    /// <summary>Images that have their mask.</summary>
    public required int Masks { get; init; }

    /// <summary>Images that are told why they have none.</summary>
    public required int Failures { get; init; }

    /// <summary>Why it cannot go on.</summary>
    public string? Reason { get; init; }

    /// <summary>When it was done, or failed; null before.</summary>
    public DateTimeOffset? Ended { get; init; }
}

/// <summary>How far a job is.</summary>
public enum JobState
{
    /// <summary>It waits for those before it.</summary>
    Queued,

    /// <summary>It is worked on.</summary>
    Running,

    /// <summary>All of its images are answered.</summary>
    Done,

    /// <summary>It cannot go on; what was answered is kept.</summary>
    Failed,
}

/// <summary>What a job was asked for, as it is kept.</summary>
/// <param name="ContentType">Of the upload.</param>
/// <param name="Model">The model's name; null takes the default.</param>
/// <param name="Parameters">The request parameters of each image by name, the format among them.</param>
internal sealed record JobRequest(string ContentType, string? Model, IReadOnlyDictionary<string, string> Parameters)
{
    /// <summary>The parameters as settings.</summary>
    /// <exception cref="SegmentationException">A parameter is unknown, or its value is not allowed.</exception>
    [JsonIgnore]
    public SegmentSettings Settings => Parameters.Aggregate(SegmentSettings.Default, (settings, p) => SegmentSettingsBinder.Apply(settings, p.Key, p.Value));

    /// <summary>Whose key or token it came with, and who alone may see it; null where it came without.</summary>
    public string? Owner { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(JobRequest))]
[JsonSerializable(typeof(JobStatus))]
internal sealed partial class JobJson : JsonSerializerContext;
