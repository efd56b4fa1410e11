using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Sessions;

/// <summary>The names and values are those that ONNX Runtime's CUDA provider parses.</summary>
public sealed class CudaSettingsTests
{
    [Fact]
    public void Create_Defaults_SearchByHeuristicsAndGrowByNeed() => Assert.Equal(
        new Dictionary<string, string>
        {
            ["cudnn_conv_algo_search"] = "HEURISTIC", ["prefer_nhwc"] = "0", ["use_tf32"] = "1",
            ["arena_extend_strategy"] = "kSameAsRequested",
        },
        CudaSettings.Create(new OnnxOptions(), null));

    [Fact]
    public void Create_Manifest_OverridesTheConfiguration()
    {
        OnnxOptions options = new() { ConvSearch = ConvSearch.Exhaustive, Tf32 = false, GpuMemoryLimit = 2L << 30 };

        Dictionary<string, string> settings = CudaSettings.Create(
            options, new GpuManifest { ConvSearch = ConvSearch.Default, PreferNhwc = true });

        Assert.Equal(
            ("DEFAULT", "1", "0", "2147483648"),
            (
                settings["cudnn_conv_algo_search"], settings["prefer_nhwc"], settings["use_tf32"],
                settings["gpu_mem_limit"]));
    }
}
