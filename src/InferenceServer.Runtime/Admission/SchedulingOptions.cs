using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>Admission, instances and timeouts; section <c>Scheduling</c>.</summary>
public sealed class SchedulingOptions
{
    // Beyond, the threads of one run wait for one another more than they gain.
    private const int ProcessorsForOne = 8;

    // So few that runs on one thread each answer soon enough; of many processors most would idle while a few such runs
    // take long.
    private const int FewProcessors = 4;

    /// <summary>Most bytes of memory for a pixel of a decoded image.</summary>
    internal const int BytesOfPixel = 12;

    /// <summary>Runs of one model at the same time; 0 is 1 on a GPU, and on a CPU one for each processor of the
    /// container's quota, or one for each 8 of more than 4. Default 0.</summary>
    [Range(0, 64)]
    public int Instances { get; set; }

    /// <summary>Requests at the same time in stages on the processor (decoding, preprocessing, postprocessing,
    /// encoding); 0 is as many as processors. Default 0.</summary>
    [Range(0, 1024)]
    public int CpuSlots { get; set; }

    /// <summary>Most requests in the server, waiting or running. Another request is refused. Four times as many may have
    /// a body that still arrives. Default 128.</summary>
    [Range(1, 100_000)]
    public int MaxRequests { get; set; } = 128;

    /// <summary>Most of each limit that one client may use: the owner of a key or token, else an address (IPv6: its /64
    /// network). It applies to the limits of this section, to <c>Bulk:MaxRequests</c>, <c>Bulk:MaxUploadBytes</c>,
    /// <c>Jobs:MaxJobs</c> and <c>Jobs:MaxBytes</c>. Default 0.5.</summary>
    [Range(0.001, 1.0)]
    public double ClientShare { get; set; } = 0.5;

    /// <summary>Most bytes of encoded images in the server. A larger image is served when it is alone. Default 256
    /// MiB.</summary>
    [Range(1L << 10, 1L << 40)]
    public long MaxBytesInFlight { get; set; } = 256L << 20;

    /// <summary>Most pixels of decoded images in the server, at most 12 bytes of memory each; the scores of requests
    /// with several passes count by their bytes. A larger image is served when it is alone. Default 200
    /// million.</summary>
    [Range(1L, 1L << 40)]
    public long MaxPixelsInFlight { get; set; } = 200_000_000;

    /// <summary>Most bytes of answers that are made and wait for their clients to read them. An answer beyond keeps its
    /// request's place until it is read. Default 128 MiB.</summary>
    [Range(1L << 10, 1L << 40)]
    public long MaxAnswerBytes { get; set; } = 128L << 20;

    /// <summary>Requests of priority <c>batch</c> are admitted only while less than this share of <c>MaxRequests</c> is
    /// used. Default 0.5.</summary>
    [Range(0.0, 1.0)]
    public double BackgroundShare { get; set; } = 0.5;

    /// <summary>Time for which requests must have waited without a pause before the queue is kept short; at least the
    /// time of four runs. Default 100 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan OverloadInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Timeout of a request that names none. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan DefaultTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest timeout of a request. Default 2 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan MaxTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The instances of a model.</summary>
    internal int InstancesOn(bool gpu)
    {
        if (Instances > 0)
        {
            return Instances;
        }

        if (gpu)
        {
            return 1;
        }

        return InstancesFor(Environment.ProcessorCount);
    }

    /// <summary>The instances of a model on the CPU where the option is 0.</summary>
    internal static int InstancesFor(int processors)
    {
        if (processors <= FewProcessors)
        {
            return processors;
        }

        return Math.Max(processors / ProcessorsForOne, 1);
    }
}

[OptionsValidator]
internal sealed partial class SchedulingOptionsValidator : IValidateOptions<SchedulingOptions>;

/// <summary>Checks that the default timeout is one that a request may ask for.</summary>
internal sealed class SchedulingConsistency : IValidateOptions<SchedulingOptions>
{
    public ValidateOptionsResult Validate(string? name, SchedulingOptions options)
    {
        if (options.DefaultTimeout > options.MaxTimeout)
        {
            return ValidateOptionsResult.Fail(
                $"Scheduling:DefaultTimeout is {options.DefaultTimeout}, but Scheduling:MaxTimeout is " +
                $"{options.MaxTimeout}; raise the one or lower the other.");
        }

        return ValidateOptionsResult.Success;
    }
}
