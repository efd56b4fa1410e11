namespace InferenceServer.Kernels.Tests.Resizing;

/// <summary>
/// The cases of tests/assets/make_resize_goldens.py: library, filter, source size and resized size, as in
/// <c>pillow-bicubic-97x61-29x18</c>.
/// </summary>
internal static class ResizeGoldens
{
    public static TheoryData<string> Names(string library) =>
    [
        .. Directory.EnumerateFiles(Golden.Folder("resize"), library + "-*.rgb.gz")
            .Select(path => Path.GetFileName(path).Replace(".rgb.gz", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
    ];

    public static byte[] Pixels(string name) => Golden.Bytes("resize", name + ".rgb");

    public static ImageSize Size(string text)
    {
        string[] sides = text.Split('x');
        return new ImageSize(int.Parse(sides[0]), int.Parse(sides[1]));
    }
}
