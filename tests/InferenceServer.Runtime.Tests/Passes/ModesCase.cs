using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Tests.Passes;

/// <summary>One line of tests/assets/modes/cases.json, and what plain PyTorch made of it.</summary>
internal sealed record ModesCase(
    string Name, string Model, string Photo, InferenceMode? Mode, int[]? Crop, double? StrideRate, double[]? Scales,
    bool? Flip, FuseMode? Fuse)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "assets", "modes");

    public static IReadOnlyList<ModesCase> All { get; } = JsonSerializer.Deserialize<ModesCase[]>(
        File.ReadAllText(Path.Combine(Folder, "cases.json")), Json)!;

    public byte[] Image => File.ReadAllBytes(Path.Combine(Folder, Photo + ".png"));

    public byte[] Labels => Read("labels");

    /// <summary>CHW, 0 to 65535.</summary>
    public ushort[] Probabilities => MemoryMarshal.Cast<byte, ushort>(Read("probabilities")).ToArray();

    public PassOverrides Wanted => new()
    {
        Mode = Mode,
        Crop = Crop is [int width, int height] ? new ImageSize(width, height) : null,
        StrideRate = StrideRate,
        Scales = Scales,
        Flip = Flip,
        Fuse = Fuse,
    };

    private byte[] Read(string what)
    {
        using GZipStream gzip = new(File.OpenRead(Path.Combine(Folder, $"{Name}.{what}.gz")), CompressionMode.Decompress);
        using MemoryStream bytes = new();
        gzip.CopyTo(bytes);
        return bytes.ToArray();
    }
}
