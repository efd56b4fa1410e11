using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Storage;

/// <summary>The object store behind <c>s3://</c>; section <c>S3</c>.</summary>
/// <remarks>Credentials are found as Amazon's own tools find them: environment, profile, or the role of the container
/// or machine.</remarks>
public sealed class S3Options
{
    /// <summary>The address of a store that is not Amazon's, such as <c>http://minio:9000</c>. Default: Amazon's, or
    /// <c>AWS_ENDPOINT_URL</c>.</summary>
    [RegularExpression("^(https?://[^/@?#]+/?)?$", ErrorMessage = "{0}: expected http://HOST:PORT or https://HOST:PORT, without a path.")]
    public string? Endpoint { get; set; }

    /// <summary>The region of the buckets. Default: <c>AWS_REGION</c> or the profile's; where an endpoint is set,
    /// us-east-1.</summary>
    public string? Region { get; set; }

    /// <summary>Whether the bucket is in the path of the URL and not in the host's name. Default: where an endpoint is
    /// set.</summary>
    public bool? PathStyle { get; set; }

    /// <summary>Most time for one request to the store with its tries, and for one pause while an object is read. A
    /// large object is many requests. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(30);
}

[OptionsValidator]
internal sealed partial class S3OptionsValidator : IValidateOptions<S3Options>;
