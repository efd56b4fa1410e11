namespace InferenceServer.Kernels.Metrics;

/// <summary>What a mean over classes does with a class whose own score is 0/0.</summary>
public enum AbsentClassRule
{
    /// <summary>Leaves it out of the mean: FCN's <c>score.py</c>, mmsegmentation, Cityscapes.</summary>
    LeaveOut,

    /// <summary>Counts it as 0, which lowers the mean: semseg and SPNet.</summary>
    CountAsZero,
}
