namespace InferenceServer.Runtime.Models;

/// <summary>How far a model is; names as in the Open Inference Protocol's repository index.</summary>
public enum ModelState
{
    /// <summary>It is being read, tried and warmed.</summary>
    Loading,

    /// <summary>It serves.</summary>
    Ready,

    /// <summary>It could not be loaded; the reason stands beside it.</summary>
    Unavailable,
}
