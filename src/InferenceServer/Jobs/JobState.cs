namespace InferenceServer.Jobs;

/// <summary>How far a job is.</summary>
public enum JobState
{
    /// <summary>It waits for those before it.</summary>
    Queued,

    /// <summary>It is worked on.</summary>
    Running,

    /// <summary>All of its images are answered.</summary>
    Done,

    /// <summary>It cannot go on; what was answered is kept.</summary>
    Failed,
}
