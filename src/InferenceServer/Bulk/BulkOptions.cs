using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime;
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
    /// Default 3.</summary>
    [Range(1, 10_000)]
    public int MaxRequests { get; set; } = 3;

    /// <summary>Images of one request in progress at the same time. Default 4.</summary>
    [Range(1, 256)]
    public int Concurrency { get; set; } = 4;
}

[OptionsValidator]
internal sealed partial class BulkOptionsValidator : IValidateOptions<BulkOptions>;

/// <summary>Registers the services for requests with many images.</summary>
internal static class BulkSetup
{
    public static void AddBulk(this IServiceCollection services)
    {
        services.AddSection("Bulk", new BulkOptionsValidator());
        services.AddSingleton<BulkRunner>();
    }
}
