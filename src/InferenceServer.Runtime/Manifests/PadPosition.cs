namespace InferenceServer.Runtime.Manifests;

/// <summary>The sides that padding goes to.</summary>
public enum PadPosition
{
    /// <summary>Below and to the right; the image stays at the origin.</summary>
    BottomRight,

    /// <summary>Half of it (rounded down) above and to the left, as semseg's test does.</summary>
    Center,
}
