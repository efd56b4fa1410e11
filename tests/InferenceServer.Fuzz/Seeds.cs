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

    /// <summary>A small PNG that is in order.</summary>
    public static byte[] Png { get; } = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "images", "rgb.png"));

    public static T Pick<T>(this Random random, IReadOnlyList<T> from) => from[random.Next(from.Count)];
}
