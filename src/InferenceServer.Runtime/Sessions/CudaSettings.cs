using System.Globalization;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Sessions;

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
            // The other strategy doubles the arena when it grows, which after one large image is memory that nobody uses.
            ["arena_extend_strategy"] = "kSameAsRequested",
        };
        if (options.GpuMemoryLimit > 0)
        {
            settings["gpu_mem_limit"] = options.GpuMemoryLimit.ToString(CultureInfo.InvariantCulture);
        }

        return settings;
    }

    private static string Flag(bool value) => value ? "1" : "0";
}
