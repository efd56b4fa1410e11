namespace InferenceServer.Dialects.Cvat;

/// <summary>What becomes one mask in CVAT.</summary>
public enum CvatMasks
{
    /// <summary>All pixels of a class.</summary>
    Class,

    /// <summary>Pixels of a class that are connected by their sides.</summary>
    Component,
}
