using System.Globalization;
using InferenceServer.Runtime.Manifests;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>ONNX Runtime's CUDA provider, which the library of a program built with <c>-p:Gpu=true</c> has.</summary>
internal static class CudaProvider
{
    /// <summary>Whether ONNX Runtime was built with CUDA; whether CUDA works on this machine is another
    /// matter.</summary>
    public static bool IsPresent => OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider");

    /// <summary>The arena of a GPU's sessions, by the name that shrinking the arena takes.</summary>
    public static string Arena(int device) => string.Create(CultureInfo.InvariantCulture, $"gpu:{device}");

    /// <summary>A session's page-locked memory, which the caller disposes before the session.</summary>
    /// <exception cref="OnnxRuntimeException">The session has none.</exception>
    public static OrtAllocator Pinned(InferenceSession session, int device)
    {
        using OrtMemoryInfo memory = new("CudaPinned", OrtAllocatorType.DeviceAllocator, device, OrtMemType.CpuOutput);
        return new OrtAllocator(session, memory);
    }

    /// <summary>Lets sessions with these options run on a GPU.</summary>
    /// <param name="options">Options of a session to come.</param>
    /// <param name="device">The GPU, as CUDA numbers them.</param>
    /// <param name="settings">Of <see cref="CudaSettings"/>.</param>
    /// <exception cref="InvalidOperationException">The program was built without CUDA.</exception>
    /// <exception cref="OnnxRuntimeException">A library of CUDA or cuDNN is missing, or there is no such
    /// GPU.</exception>
    public static void AppendTo(SessionOptions options, int device, Dictionary<string, string> settings)
    {
        if (!IsPresent)
        {
            throw new InvalidOperationException(
                "this program was built without CUDA; build it with -p:Gpu=true, on Linux or Windows with an x64 " +
                "processor");
        }

        settings["device_id"] = device.ToString(CultureInfo.InvariantCulture);
        using OrtCUDAProviderOptions cuda = new();
        cuda.UpdateOptions(settings);
        options.AppendExecutionProvider_CUDA(cuda);
    }
}

/// <summary>The options of ONNX Runtime's CUDA provider, by the names that it reads.</summary>
internal static class CudaSettings
{
    /// <summary>From the configuration, and what the manifest of a model changes in it.</summary>
    public static Dictionary<string, string> Create(OnnxOptions options, GpuManifest? model)
    {
        Dictionary<string, string> settings = new()
        {
            ["cudnn_conv_algo_search"] = (model?.ConvSearch ?? options.ConvSearch).ToString().ToUpperInvariant(),
            ["prefer_nhwc"] = Flag(model?.PreferNhwc ?? options.PreferNhwc),
            ["use_tf32"] = Flag(model?.Tf32 ?? options.Tf32),
            // The other strategy doubles the arena when it grows, which after one large image is unused memory.
            ["arena_extend_strategy"] = "kSameAsRequested",
        };
        if (options.GpuMemoryLimit > 0)
        {
            settings["gpu_mem_limit"] = options.GpuMemoryLimit.ToString(CultureInfo.InvariantCulture);
        }

        return settings;
    }

    private static string Flag(bool value)
    {
        if (value)
        {
            return "1";
        }

        return "0";
    }
}

/// <summary>A GPU is required and cannot be had: nothing can be served.</summary>
/// <param name="cause">What CUDA or ONNX Runtime said.</param>
internal sealed class GpuRequiredException(Exception cause)
    : Exception("Onnx:RequireGpu is set, but CUDA cannot be used: " + cause.Message, cause);
