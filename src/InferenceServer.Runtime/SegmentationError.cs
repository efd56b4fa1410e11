namespace InferenceServer.Runtime;

/// <summary>Every way in which a request can fail, as a closed list; the HTTP layer maps each member to one status.</summary>
public enum SegmentationError
{
    /// <summary>A parameter is out of its range or contradicts another.</summary>
    InvalidRequest,

    /// <summary>No model or no version of that name is in the repository.</summary>
    UnknownModel,

    /// <summary>The encoded image has more bytes than allowed.</summary>
    PayloadTooLarge,

    /// <summary>Width × height, as the image's header states it, is more than allowed; no pixel was decoded.</summary>
    TooManyPixels,

    /// <summary>The bytes are no image of a supported format, whatever the content type said.</summary>
    UnsupportedMediaType,

    /// <summary>The format is supported, but the image is truncated or damaged.</summary>
    UndecodableImage,

    /// <summary>The image's URL leads to no image: its host does not answer, or refuses.</summary>
    ImageNotFetched,

    /// <summary>As many requests as allowed are waiting already; try again later.</summary>
    Overloaded,

    /// <summary>The request's time was up while it waited; try again later, or give it more time.</summary>
    QueueTimeout,

    /// <summary>The request's time was up while it was worked on.</summary>
    DeadlineExceeded,

    /// <summary>The model exists, but is loading or could not be loaded.</summary>
    ModelNotReady,

    /// <summary>The network failed while it ran.</summary>
    InferenceFailed,

    /// <summary>A key is needed, and none that is known came.</summary>
    Unauthorized,

    /// <summary>The key does not open this, or no key does.</summary>
    Forbidden,

    /// <summary>The key's rate or quota is used up; try again later.</summary>
    RateLimited,

    /// <summary>A token came, and the keys that it would be checked with cannot be had; try again later.</summary>
    TokensUnavailable,

    /// <summary>A part of a protocol that this server does not have.</summary>
    NotSupported,
}
