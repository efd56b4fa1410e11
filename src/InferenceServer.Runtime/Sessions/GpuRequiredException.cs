namespace InferenceServer.Runtime.Sessions;

/// <summary>A GPU is required and cannot be had: nothing can be served.</summary>
/// <param name="cause">What CUDA or ONNX Runtime said.</param>
internal sealed class GpuRequiredException(Exception cause)
    : Exception("Onnx:RequireGpu is set, but CUDA cannot be used: " + cause.Message, cause);
