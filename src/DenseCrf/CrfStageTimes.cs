using System.Diagnostics;

namespace DenseCrf;

/// <summary>A stage of a refinement, for measuring.</summary>
public enum CrfStage
{
    /// <summary>Building the lattice: simplices, vertices, their links, and the normalisation.</summary>
    Lattice,

    /// <summary>First pass over the pixels: reading the scores, softmax and splat.</summary>
    First,

    /// <summary>Pass over the pixels in every iteration but the last: slice, softmax and splat.</summary>
    Middle,

    /// <summary>Blur along all axes, with the exchange of vertices that several threads share.</summary>
    Blur,

    /// <summary>Pass over the pixels in the last iteration: slice, softmax and writing the result.</summary>
    Last,
}

/// <summary>The time that refinements spent in each stage, summed over the calls that received this object.</summary>
/// <remarks>Not for calls that run at the same time.</remarks>
public sealed class CrfStageTimes
{
    private readonly TimeSpan[] _times = new TimeSpan[Enum.GetValues<CrfStage>().Length];

    /// <summary>The time of one stage so far.</summary>
    public TimeSpan this[CrfStage stage] => _times[(int)stage];

    internal Scope Measure(CrfStage stage) => new(this, stage);

    internal readonly struct Scope(CrfStageTimes owner, CrfStage stage) : IDisposable
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public void Dispose() => owner._times[(int)stage] += Stopwatch.GetElapsedTime(_start);
    }
}
