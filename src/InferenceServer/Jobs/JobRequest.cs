using System.Text.Json;
using System.Text.Json.Serialization;
using InferenceServer.Runtime;
using InferenceServer.Segment;

namespace InferenceServer.Jobs;

/// <summary>The request that made a job, as clients send it in JSON and as it is stored.</summary>
internal sealed record JobRequest
{
    /// <summary>The model's name; null is the default model.</summary>
    public string? Model { get; init; }

    /// <summary>The request parameters by name; they apply to each image.</summary>
    // The JSON reader keeps the default of a member that has a setter.
    public IReadOnlyDictionary<string, JsonElement> Parameters { get; set; } = new Dictionary<string, JsonElement>();

    /// <summary>Where the images are. Empty for images that were uploaded with the request.</summary>
    public IReadOnlyList<JobSource> Sources { get; set; } = [];

    /// <summary>Where the masks go; null keeps them in the job's result.</summary>
    public JobTarget? Target { get; init; }

    /// <summary>The receiver of a message when the job ends; null sends none.</summary>
    public JobNotification? Notify { get; init; }

    /// <summary>The parameters as settings.</summary>
    /// <exception cref="SegmentationException">A parameter is unknown, or its value is not allowed.</exception>
    [JsonIgnore]
    public SegmentSettings Settings => Parameters.Aggregate(
        SegmentSettings.Default, (settings, p) => SegmentSettingsBinder.Apply(settings, p.Key, Text(p.Value)));

    // {"tiles": true, "alpha": 0.5} and {"tiles": "true", "alpha": "0.5"} mean the same.
    private static string Text(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return value.GetRawText();
        }

        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw JsonBody.Invalid("expected parameters in valid Unicode, got other bytes.");
        }
    }
}

/// <summary>Images of a job: exactly one of the places is given.</summary>
internal sealed record JobSource
{
    /// <summary>An object <c>s3://bucket/key</c>, or all objects below <c>s3://bucket/prefix/</c>.</summary>
    public string? Uri { get; init; }

    /// <summary>A file or a folder that all servers have mounted.</summary>
    public string? Path { get; init; }

    /// <summary>Images by URL.</summary>
    public IReadOnlyList<string>? Urls { get; init; }

    /// <summary>Which objects or files below the place are images: <c>*.tif</c> at any depth, <c>2024/**/*.tif</c> from
    /// the place on. Null is all.</summary>
    public string? Glob { get; init; }
}

/// <summary>Where the masks of a job go: exactly one of the places is given.</summary>
internal sealed record JobTarget
{
    /// <summary>A prefix <c>s3://bucket/prefix/</c>.</summary>
    public string? Uri { get; init; }

    /// <summary>A folder that all servers have mounted.</summary>
    public string? Path { get; init; }

    /// <summary>What happens to an image whose mask is there before the job starts.</summary>
    public ExistingMask Existing { get; init; }
}

/// <summary>What happens to an image whose mask exists before the job starts.</summary>
internal enum ExistingMask
{
    /// <summary>The image fails: the mask may come from another model.</summary>
    Fail,

    /// <summary>The mask is kept and counts as done.</summary>
    Skip,

    /// <summary>The mask is replaced.</summary>
    Overwrite,
}

/// <summary>Who is told when a job ends.</summary>
/// <param name="Webhook">A URL that gets the job's status in a POST.</param>
internal sealed record JobNotification(string Webhook);

/// <summary>A job's request with what the server adds to it.</summary>
/// <param name="Request">What the client asked for.</param>
/// <param name="Created">When the job was made.</param>
internal sealed record StoredJob(JobRequest Request, DateTimeOffset Created)
{
    /// <summary>The caller that made the job and alone may see it; null without a key or token.</summary>
    public string? Owner { get; init; }

    /// <summary>Whom the limits on jobs count it for: the owner, or else the address that it came from; null for jobs of
    /// servers that did not note it.</summary>
    public string? Client { get; init; }

    /// <summary>Bytes of the uploaded images.</summary>
    public long Bytes { get; init; }
}
