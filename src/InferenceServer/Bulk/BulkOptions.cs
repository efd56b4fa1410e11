using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

/// <summary>Requests with many images; section <c>Bulk</c>.</summary>
public sealed class BulkOptions
{
    /// <summary>Most bytes of a request, and of all its images once unpacked. The body lies in the folder for temporary
    /// files until the answer is sent. Default 1 GiB.</summary>
    [Range(1L << 10, 1L << 40)]
    public long MaxBytes { get; set; } = 1L << 30;

    /// <summary>Most images of a request. Default 1000.</summary>
    [Range(1, 1_000_000)]
    public int MaxImages { get; set; } = 1000;

    /// <summary>Most requests with many images at the same time. Another request gets 429 before its body is read.
    /// Default 8.</summary>
    [Range(1, 10_000)]
    public int MaxRequests { get; set; } = 8;

    /// <summary>Most bytes in the folder for temporary files of all uploads of many images, those of jobs included. A larger
    /// upload is received when it is alone. Default 3 GiB.</summary>
    [Range(1L << 10, 1L << 50)]
    public long MaxUploadBytes { get; set; } = 3L << 30;

    /// <summary>Longest time for the body of a request with many images, or of one that makes a job, to arrive. A body that
    /// is not on course to be complete in time is ended. Default 30 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Images of one request in progress at the same time. Default 4.</summary>
    [Range(1, 256)]
    public int Concurrency { get; set; } = 4;
}

/// <summary>The limits on uploads of many images, each of which writes its body to a file.</summary>
internal sealed class BulkLimits(IOptions<BulkOptions> bulk, IOptions<SchedulingOptions> scheduling)
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromSeconds(5);

    /// <summary>The limit on requests.</summary>
    public ConcurrencyLimit Requests { get; } = new(
        bulk.Value.MaxRequests, "requests with many images (Bulk:MaxRequests)", UsualWait, scheduling.Value.ClientShare);

    /// <summary>The limit on bytes of uploads, those of jobs included.</summary>
    public ConcurrencyLimit Bytes { get; } = new(
        bulk.Value.MaxUploadBytes, "bytes of uploads (Bulk:MaxUploadBytes)", UsualWait, scheduling.Value.ClientShare);
}

[OptionsValidator]
internal sealed partial class BulkOptionsValidator : IValidateOptions<BulkOptions>;

/// <summary>Registers the services for requests with many images.</summary>
internal static class BulkSetup
{
    public static void AddBulk(this IServiceCollection services)
    {
        services.AddSection("Bulk", new BulkOptionsValidator());
        services.AddSingleton<BulkLimits>();
        services.AddSingleton<BulkRunner>();
    }
}
