using System.Globalization;
using InferenceServer.Runtime.Manifests;
using Microsoft.ML.OnnxRuntime;

namespace InferenceServer.Runtime.Sessions;

/// <summary>ONNX Runtime's CUDA provider, present in programs that were built with <c>-p:Gpu=true</c>.</summary>
internal static class CudaProvider
{
    /// <summary>Whether ONNX Runtime was built with CUDA; CUDA may still fail on this machine.</summary>
    public static bool IsPresent => OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider");

    /// <summary>The name of a GPU session's arena, as the run option that shrinks arenas expects it.</summary>
    public static string Arena(int device) => string.Create(CultureInfo.InvariantCulture, $"gpu:{device}");

    /// <summary>A session's allocator of page-locked memory; the caller disposes the allocator before the
    /// session.</summary>
    /// <exception cref="OnnxRuntimeException">The session has no page-locked memory.</exception>
    public static OrtAllocator Pinned(InferenceSession session, int device)
    {
        using OrtMemoryInfo memory = new("CudaPinned", OrtAllocatorType.DeviceAllocator, device, OrtMemType.CpuOutput);
        return new OrtAllocator(session, memory);
    }

    /// <summary>A GPU's own memory; the caller disposes the description.</summary>
    public static OrtMemoryInfo Memory(int device) =>
        new(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, device, OrtMemType.Default);

    /// <summary>Adds a GPU to the options of a session.</summary>
    /// <param name="options">Options of the session to create.</param>
    /// <param name="device">CUDA's number of the GPU.</param>
    /// <param name="settings">The settings of <see cref="CudaSettings"/>.</param>
    /// <exception cref="InvalidOperationException">The program was built without CUDA.</exception>
    /// <exception cref="OnnxRuntimeException">A library of CUDA or cuDNN is missing, or the GPU does not
    /// exist.</exception>
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

/// <summary>The options of ONNX Runtime's CUDA provider, by ONNX Runtime's names.</summary>
internal static class CudaSettings
{
    /// <summary>Creates the settings from the configuration; the manifest of a model overrides them.</summary>
    public static Dictionary<string, string> Create(OnnxOptions options, GpuManifest? model)
    {
        Dictionary<string, string> settings = new()
        {
            ["cudnn_conv_algo_search"] = (model?.ConvSearch ?? options.ConvSearch).ToString().ToUpperInvariant(),
            ["prefer_nhwc"] = Flag(model?.PreferNhwc ?? options.PreferNhwc),
            ["use_tf32"] = Flag(model?.Tf32 ?? options.Tf32),
            // The other strategy doubles the arena when the arena grows; after one large image, that memory is unused.
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

/// <summary>Thrown where the configuration requires a GPU and no GPU can be used.</summary>
/// <param name="cause">The error of CUDA or of ONNX Runtime.</param>
internal sealed class GpuRequiredException(Exception cause)
    : Exception("Onnx:RequireGpu is set, but CUDA cannot be used: " + cause.Message, cause);
