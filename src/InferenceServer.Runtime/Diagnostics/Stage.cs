namespace InferenceServer.Runtime.Diagnostics;

/// <summary>The stages of a request in the order in which it passes them; names as in metrics, spans and Server-Timing.</summary>
public enum Stage
{
    /// <summary>The request body arrives.</summary>
    Read,

    /// <summary>Encoded bytes to RGB pixels.</summary>
    Decode,

    /// <summary>Resize, normalise and pad to the network's input.</summary>
    Preprocess,

    /// <summary>Waiting for a session.</summary>
    Queue,

    /// <summary>The network runs.</summary>
    Infer,

    /// <summary>The network's output to labels at the photograph's size.</summary>
    Postprocess,

    /// <summary>The mask is refined by a fully connected CRF, the wait for it included; 0 where it was not asked for.</summary>
    Crf,

    /// <summary>Labels to the bytes of the answer.</summary>
    Encode,

    /// <summary>The answer goes out, until the connection has taken its last byte.</summary>
    Write,
}
