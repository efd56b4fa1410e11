using System.Diagnostics;

namespace DenseCrf;

/// <summary>Time spent in each stage of the calls that it was given to. Not for several calls at once.</summary>
public sealed class CrfStageTimes
{
    private readonly TimeSpan[] _times = new TimeSpan[Enum.GetValues<CrfStage>().Length];

    /// <summary>Time of one stage so far.</summary>
    public TimeSpan this[CrfStage stage] => _times[(int)stage];

    /// <summary>Back to zero.</summary>
    public void Clear() => Array.Clear(_times);

    internal Scope Measure(CrfStage stage) => new(this, stage);

    internal readonly struct Scope(CrfStageTimes owner, CrfStage stage) : IDisposable
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public void Dispose() => owner._times[(int)stage] += Stopwatch.GetElapsedTime(_start);
    }
}

/// <summary>Where the time of a refinement goes.</summary>
public enum CrfStage
{
    /// <summary>Simplices, vertices, their links, and the normalisation.</summary>
    Lattice,

    /// <summary>Unaries into rows, their softmax, and the first splat.</summary>
    First,

    /// <summary>Slice, softmax and splat of every iteration but the last.</summary>
    Middle,

    /// <summary>Blur along all axes, with what joins the threads' parts.</summary>
    Blur,

    /// <summary>Slice and softmax of the last iteration, and the results out of rows.</summary>
    Last,
}
