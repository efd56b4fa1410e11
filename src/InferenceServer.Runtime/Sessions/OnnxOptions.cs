using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Runtime.Sessions;

/// <summary>How networks run; section <c>Onnx</c>.</summary>
public sealed class OnnxOptions
{
    /// <summary>The execution provider. Default auto: CUDA where its library is present and works, else the CPU.</summary>
    [EnumDataType(typeof(ExecutionProvider))]
    public ExecutionProvider Provider { get; set; } = ExecutionProvider.Auto;

    /// <summary>Whether start-up fails where CUDA cannot be had, instead of falling back to the CPU. Default false.</summary>
    public bool RequireGpu { get; set; }

    /// <summary>The GPU, as CUDA numbers them. Default 0.</summary>
    [Range(0, 63)]
    public int GpuDevice { get; set; }

    /// <summary>Threads of one run; 0 takes as many as the process may use (the container's quota). Default 0.</summary>
    [Range(0, 256)]
    public int IntraOpThreads { get; set; }

    /// <summary>Whether idle threads of a session spin for work: faster alone, wasteful beside others. Default false.</summary>
    public bool Spinning { get; set; }
}
