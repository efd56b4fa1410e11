using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Admission;

/// <summary>How much runs, waits and is held at once, and for how long; section <c>Scheduling</c>.</summary>
public sealed class SchedulingOptions
{
    // Beyond, the threads of one run wait for one another more than they gain.
    private const int ProcessorsForOne = 8;

    // So few that runs on one thread each answer soon enough; of many processors most would idle while a few such runs take long.
    private const int FewProcessors = 4;

    /// <summary>What a pixel of a decoded image may take of memory, in bytes.</summary>
    internal const int BytesOfPixel = 12;

    /// <summary>Runs of one model at the same time; 0 takes 1 on a GPU, and on a CPU one for each processor that the container may use, or of more than 4 one for each 8. Default 0.</summary>
    [Range(0, 64)]
    public int Instances { get; set; }

    /// <summary>Requests at the same time in stages that compute on the processor: decoding, preparing, reading the result, encoding; 0 takes as many as there are processors. Default 0.</summary>
    [Range(0, 1024)]
    public int CpuSlots { get; set; }

    /// <summary>Requests in the server, waiting or running; one more is refused. Default 64.</summary>
    [Range(1, 100_000)]
    public int MaxRequests { get; set; } = 64;

    /// <summary>Bytes of encoded images in the server; one larger image is served when it is alone. Default 256 MiB.</summary>
    [Range(1L << 10, 1L << 40)]
    public long MaxBytesInFlight { get; set; } = 256L << 20;

    /// <summary>Pixels of decoded images in the server, each at most 12 bytes of memory, with the scores of requests of several passes counted by their bytes; one larger image is served when it is alone. Default 200 million.</summary>
    [Range(1L, 1L << 40)]
    public long MaxPixelsInFlight { get; set; } = 200_000_000;

    /// <summary>Share of the places that requests of the class <c>batch</c> may find taken and still be let in. Default 0.5.</summary>
    [Range(0.0, 1.0)]
    public double BackgroundShare { get; set; } = 0.5;

    /// <summary>Time for which somebody must have been waiting without a pause before the queue is kept short. Default 100 ms; never less than four runs take.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan OverloadInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Time after which a request that names no deadline is given up. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan DefaultTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest deadline that a request can have. Default 2 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan MaxTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>The instances of a model.</summary>
    internal int InstancesOn(bool gpu) => Instances > 0 ? Instances : gpu ? 1 : InstancesFor(Environment.ProcessorCount);

    /// <summary>The instances of a model on the CPU where none are asked for.</summary>
    internal static int InstancesFor(int processors) => processors <= FewProcessors ? processors : processors / ProcessorsForOne is > 0 and int several ? several : 1;
}

[OptionsValidator]
internal sealed partial class SchedulingOptionsValidator : IValidateOptions<SchedulingOptions>;

/// <summary>The usual deadline is one that a request could ask for.</summary>
internal sealed class SchedulingConsistency : IValidateOptions<SchedulingOptions>
{
    public ValidateOptionsResult Validate(string? name, SchedulingOptions options) =>
        options.DefaultTimeout > options.MaxTimeout
            ? ValidateOptionsResult.Fail($"Scheduling:DefaultTimeout is {options.DefaultTimeout}, but Scheduling:MaxTimeout is {options.MaxTimeout}; raise the one or lower the other.")
            : ValidateOptionsResult.Success;
}
