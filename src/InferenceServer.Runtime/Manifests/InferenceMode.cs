namespace InferenceServer.Runtime.Manifests;

/// <summary>How the network comes to see a photograph.</summary>
public enum InferenceMode
{
    /// <summary>In one piece.</summary>
    Whole,

    /// <summary>In tiles of one size that overlap.</summary>
    Slide,
}
