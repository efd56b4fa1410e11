using System.Runtime.CompilerServices;

namespace InferenceServer.Tests;

/// <summary>A test that needs the images of CamVid, which may not be committed; skipped where they are not at
/// hand.</summary>
public sealed class CamVidFactAttribute : FactAttribute
{
    public CamVidFactAttribute([CallerMemberName] string test = "")
    {
        if (Folder is null)
        {
            Skip = "The environment variable CAMVID names no folder with CamVid's train and val.";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    /// <summary>The folder that holds train and val: where CAMVID points, else a folder of data beside the
    /// repository; null where there is none.</summary>
    internal static string? Folder { get; } = new[]
    {
        Environment.GetEnvironmentVariable("CAMVID"),
        Path.Combine(Repository.Root, "..", "shared", "data", "camvid"),
    }.FirstOrDefault(Directory.Exists);
}
