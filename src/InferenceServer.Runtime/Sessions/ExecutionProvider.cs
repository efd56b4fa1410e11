namespace InferenceServer.Runtime.Sessions;

/// <summary>What computes a network.</summary>
public enum ExecutionProvider
{
    /// <summary>CUDA if it can be had, else the CPU. Only a wish; a session runs on one of the others.</summary>
    Auto,

    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,
}
