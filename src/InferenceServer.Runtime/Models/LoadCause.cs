namespace InferenceServer.Runtime.Models;

/// <summary>Why a model's folder is applied.</summary>
internal enum LoadCause
{
    /// <summary>The server starts: a GPU that is required and cannot be had ends that.</summary>
    Start,

    /// <summary>Its files have changed: what has not is kept, and what has failed stays so.</summary>
    Change,

    /// <summary>Somebody asked: what is loaded and has not changed is loaded again, and what has failed is tried again.</summary>
    Request,
}
