using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Sessions;

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
