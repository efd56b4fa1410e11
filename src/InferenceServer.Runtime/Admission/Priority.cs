namespace InferenceServer.Runtime.Admission;

/// <summary>Who waits for an answer.</summary>
public enum Priority
{
    /// <summary>A person; served first.</summary>
    Interactive,

    /// <summary>A bulk job; served in between, and let in only up to a share of the places.</summary>
    Background,
}
