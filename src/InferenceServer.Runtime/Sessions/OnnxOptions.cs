using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using InferenceServer.Runtime.Manifests;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Sessions;

/// <summary>How networks run; section <c>Onnx</c>.</summary>
public sealed class OnnxOptions
{
    /// <summary>The execution provider. Auto is CUDA where it works, else the CPU. Default auto.</summary>
    [EnumDataType(typeof(ExecutionProvider))]
    public ExecutionProvider Provider { get; set; } = ExecutionProvider.Auto;

    /// <summary>Which graph of a version serves, where <c>inference-server optimize</c> has made others beside
    /// <c>model.onnx</c>. Auto is float16 on a GPU and 8 bits on the CPU, where that is faster: as measured when it was made,
    /// or else by a trial at the load. A model that has only the float32 graph serves that. Default auto.</summary>
    [EnumDataType(typeof(GraphVariant))]
    public GraphVariant Variant { get; set; }

    /// <summary>Whether the start fails where CUDA does not work, instead of using the CPU. Default false.</summary>
    public bool RequireGpu { get; set; }

    /// <summary>The GPU's number in CUDA. Default 0.</summary>
    [Range(0, 63)]
    public int GpuDevice { get; set; }

    /// <summary>The numbers of several GPUs; models are spread over them. Default: only <see
    /// cref="GpuDevice"/>.</summary>
    public IList<int> GpuDevices { get; } = [];

    /// <summary>Most bytes of a session's arena in the GPU's memory; 0 is no limit. Weights and cuDNN's workspaces
    /// need further memory. Default 0.</summary>
    [Range(0, long.MaxValue)]
    public long GpuMemoryLimit { get; set; }

    /// <summary>How cuDNN chooses the algorithm of a convolution at a new shape; exhaustive search takes hundreds of
    /// milliseconds. A manifest may override it. Default heuristic.</summary>
    [EnumDataType(typeof(ConvSearch))]
    public ConvSearch ConvSearch { get; set; } = ConvSearch.Heuristic;

    /// <summary>Whether convolutions run in N×H×W×C on a GPU. A manifest may override it. Default false.</summary>
    public bool PreferNhwc { get; set; }

    /// <summary>Whether a GPU may round products to TF32. A manifest may override it. Default true.</summary>
    public bool Tf32 { get; set; } = true;

    /// <summary>Whether a GPU normalises 8-bit images by itself, and so receives four bytes of each pixel instead of
    /// twelve. Default true.</summary>
    public bool NormalizeOnGpu { get; set; } = true;

    /// <summary>Whether memory of the network's runs goes back to the system after a model's load and after an unusually large
    /// input. Default true.</summary>
    public bool ArenaShrinkage { get; set; } = true;

    /// <summary>Threads of one run. 0: a run that is alone uses all threads of the process (the container's quota),
    /// and parallel runs share them. Default 0.</summary>
    [Range(0, 256)]
    public int IntraOpThreads { get; set; }

    /// <summary>Whether idle threads spin while they wait: less latency for a run that is alone, wasted processor time
    /// beside other work. Default false.</summary>
    public bool Spinning { get; set; }

    /// <summary>Whether all models share one pool of threads: with ten models on eight processors, seven helper
    /// threads instead of seventy. Default true.</summary>
    public bool SharedThreadPool { get; set; } = true;
}

/// <summary>The execution provider of a network.</summary>
public enum ExecutionProvider
{
    /// <summary>CUDA where it works, else the CPU. An open session has one of the other values.</summary>
    Auto,

    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,
}

/// <summary>The number format of a network.</summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "The formats have ONNX's names.")]
public enum GraphVariant
{
    /// <summary>The fastest that a version has. A loaded model has one of the other values.</summary>
    Auto,

    /// <summary>The graph as it was exported.</summary>
    Float32,

    /// <summary>8-bit integers, <c>model.int8.onnx</c>.</summary>
    Int8,

    /// <summary>16-bit floats, <c>model.float16.onnx</c>.</summary>
    Float16,
}

[OptionsValidator]
internal sealed partial class OnnxOptionsValidator : IValidateOptions<OnnxOptions>;

/// <summary>Checks that a GPU is not both required and forbidden, and that GPU numbers are in range.</summary>
internal sealed class OnnxConsistency : IValidateOptions<OnnxOptions>
{
    public ValidateOptionsResult Validate(string? name, OnnxOptions options)
    {
        if (options is { RequireGpu: true, Provider: ExecutionProvider.Cpu })
        {
            return ValidateOptionsResult.Fail("Onnx:RequireGpu is true, but Onnx:Provider is Cpu; set Auto or Cuda.");
        }

        if (options.GpuDevices.Any(d => d is < 0 or > 63))
        {
            return ValidateOptionsResult.Fail("Onnx:GpuDevices: expected numbers from 0 to 63.");
        }

        return ValidateOptionsResult.Success;
    }
}
