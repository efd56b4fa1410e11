namespace InferenceServer.Tests;

/// <summary>The checkout that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    private static string Find(string folder) => File.Exists(Path.Combine(folder, "InferenceServer.sln"))
        ? folder
        : Find(
            Path.GetDirectoryName(folder)
                ?? throw new DirectoryNotFoundException("InferenceServer.sln stands in no folder above the tests."));
}
