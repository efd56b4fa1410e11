namespace InferenceServer.Tests;

/// <summary>The files of tests/assets/images, and what nearly all of them show: quarters in red, green, blue and
/// yellow, clockwise, on white.</summary>
internal static class Images
{
    public const int Width = 40;
    public const int Height = 30;

    public static IEnumerable<string> Names =>
        Directory.EnumerateFiles(Folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal);

    private static string Folder => Path.Combine(AppContext.BaseDirectory, "images");

    public static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(Folder, name));
}
