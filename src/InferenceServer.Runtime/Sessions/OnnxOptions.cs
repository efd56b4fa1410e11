using System.ComponentModel.DataAnnotations;
using InferenceServer.Runtime.Manifests;
using Microsoft.Extensions.Options;

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

    /// <summary>The GPUs that models are spread over, one after another, as CUDA numbers them. Default: only <see cref="GpuDevice"/>.</summary>
    public IList<int> GpuDevices { get; } = [];

    /// <summary>Bytes that a session's arena may take of a GPU's memory; 0 for all. Default 0. Weights and cuDNN's workspaces may come on top.</summary>
    [Range(0, long.MaxValue)]
    public long GpuMemoryLimit { get; set; }

    /// <summary>How cuDNN finds the algorithm of a convolution at a new shape; a manifest may say otherwise. Default heuristic.</summary>
    [EnumDataType(typeof(ConvSearch))]
    public ConvSearch ConvSearch { get; set; } = ConvSearch.Heuristic;

    /// <summary>Whether convolutions run in N×H×W×C on a GPU; a manifest may say otherwise. Default false.</summary>
    public bool PreferNhwc { get; set; }

    /// <summary>Whether products may be rounded to TF32 on a GPU; a manifest may say otherwise. Default true, as in ONNX Runtime.</summary>
    public bool Tf32 { get; set; } = true;

    /// <summary>Whether a session gives memory back after an input that is rare and large, instead of keeping it for good. Default true.</summary>
    public bool ArenaShrinkage { get; set; } = true;

    /// <summary>Threads of one run; 0 takes all that the process may use (the container's quota) for a run that is alone, and shares them among a model's instances. Default 0.</summary>
    [Range(0, 256)]
    public int IntraOpThreads { get; set; }

    /// <summary>Whether idle threads of a session spin for work: faster alone, wasteful beside others. Default false.</summary>
    public bool Spinning { get; set; }

    /// <summary>Whether all models share one pool of threads, so that ten models on eight processors have seven helpers and not seventy. Default true.</summary>
    public bool SharedThreadPool { get; set; } = true;
}

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

[OptionsValidator]
internal sealed partial class OnnxOptionsValidator : IValidateOptions<OnnxOptions>;

/// <summary>A GPU cannot be required and forbidden at once, and has a number.</summary>
internal sealed class OnnxConsistency : IValidateOptions<OnnxOptions>
{
    public ValidateOptionsResult Validate(string? name, OnnxOptions options) =>
        options is { RequireGpu: true, Provider: ExecutionProvider.Cpu }
            ? ValidateOptionsResult.Fail("Onnx:RequireGpu is true, but Onnx:Provider is Cpu; set Auto or Cuda.")
            : options.GpuDevices.Any(d => d is < 0 or > 63)
                ? ValidateOptionsResult.Fail("Onnx:GpuDevices: expected numbers from 0 to 63.")
                : ValidateOptionsResult.Success;
}
