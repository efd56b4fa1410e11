namespace InferenceServer.Fuzz;

/// <summary>What mutations begin with.</summary>
internal static class Seeds
{
    /// <summary>JPEG, PNG, WebP, TIFF, GIF and BMP files of at most 4 KB.</summary>
    public static IReadOnlyList<byte[]> Images { get; } =
        [
            .. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "images"))
                .Order(StringComparer.Ordinal)
                .Select(File.ReadAllBytes)
        ];

    /// <summary>TIFF files of all sample types and layouts, and photographs.</summary>
    public static IReadOnlyList<byte[]> Tiffs { get; } =
        [
            .. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "rasters")).Order(StringComparer.Ordinal)
                .Select(File.ReadAllBytes),
            .. Images.Where(file => file is [(byte)'I', (byte)'I', ..] or [(byte)'M', (byte)'M', ..]),
        ];

    /// <summary>A small PNG that is in order.</summary>
    public static byte[] Png { get; } = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "images", "rgb.png"));

    public static T Pick<T>(this Random random, IReadOnlyList<T> from) => from[random.Next(from.Count)];
}
