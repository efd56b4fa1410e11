namespace InferenceServer.Runtime.Diagnostics;

/// <summary>Why a request got no mask although the server worked as it should: the label <c>reason</c>, in snake case.</summary>
public enum RejectionReason
{
    /// <summary>As much work as allowed is in the server already.</summary>
    QueueFull,

    /// <summary>The deadline passed, in the queue or later.</summary>
    Deadline,

    /// <summary>The body has too many bytes.</summary>
    TooLarge,

    /// <summary>The image has too many pixels.</summary>
    TooManyPixels,

    /// <summary>No key, a wrong one, or one that does not open this.</summary>
    Unauthorized,

    /// <summary>The key's rate or quota is used up.</summary>
    RateLimited,

    /// <summary>No image of a supported format, or a damaged one.</summary>
    BadImage,

    /// <summary>A parameter, a header or the form is wrong.</summary>
    BadRequest,

    /// <summary>No model of that name or version.</summary>
    UnknownModel,

    /// <summary>The model is loading or unavailable.</summary>
    ModelNotReady,
}
