namespace InferenceServer.Runtime.Tests;

/// <summary>Fixtures that lie beside the tests.</summary>
internal static class Assets
{
    public static string Models { get; } = Path.Combine(AppContext.BaseDirectory, "assets", "models");

    public static string OddModels { get; } = Path.Combine(AppContext.BaseDirectory, "assets", "odd-models");

    public static byte[] Geo(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "assets", "geo", name));

    public static byte[] Image(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "assets", "images", name));
}
