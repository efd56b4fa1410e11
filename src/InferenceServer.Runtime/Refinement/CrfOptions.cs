using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Refinement;

/// <summary>Limits of refinement; section <c>Crf</c>.</summary>
public sealed class CrfOptions
{
    /// <summary>Most refinements at once; others wait in order. Each refinement uses all its threads. Default
    /// 1.</summary>
    [Range(1, 64)]
    public int Concurrency { get; set; } = 1;

    /// <summary>Threads of one refinement; 0 is all processors of the process. Default 0.</summary>
    [Range(0, 64)]
    public int Threads { get; set; }

    /// <summary>Most bytes of memory of one refinement. Default 2 GiB.</summary>
    [Range(1L << 20, 1L << 40)]
    public long MaxBytes { get; set; } = 2L << 30;

    /// <summary>Most bytes of lattices that are kept between requests with <c>X-Lattice</c>; of several, the oldest go first.
    /// One client may use <c>Scheduling:ClientShare</c> of them. 0 keeps none. Default 256 MiB.</summary>
    [Range(0L, 1L << 40)]
    public long KeptBytes { get; set; } = 256L << 20;

    /// <summary>Time for which a lattice is kept after its last use. Default 2 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan KeptFor { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Most mean-field iterations of a request. Default 20.</summary>
    [Range(1, 50)]
    public int MaxIterations { get; set; } = 20;

    /// <summary>Largest weight of a request. Default 100.</summary>
    [Range(0.0, 1e6)]
    public float MaxWeight { get; set; } = 100;

    /// <summary>Largest standard deviation of a request, in pixels and in 8-bit steps. Default 500.</summary>
    [Range(1.0, 1e6)]
    public float MaxDeviation { get; set; } = 500;

    /// <summary>The CRF drops labels whose probability is below this in the whole image after the first iteration; 0
    /// drops none. Default 0.001.</summary>
    [Range(0.0, 0.5)]
    public float PruneBelow { get; set; } = 0.001f;
}

[OptionsValidator]
internal sealed partial class CrfOptionsValidator : IValidateOptions<CrfOptions>;
