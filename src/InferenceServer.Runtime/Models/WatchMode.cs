namespace InferenceServer.Runtime.Models;

/// <summary>How changes in the folder of models are noticed while the server runs.</summary>
public enum WatchMode
{
    /// <summary>Not at all; the API still loads and unloads.</summary>
    Off,

    /// <summary>By looking at every interval: for machines that are short of file watches.</summary>
    Poll,

    /// <summary>By the system's events, and by looking at every interval where those do not come, such as on network volumes.</summary>
    Auto,
}
