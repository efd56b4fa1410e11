using System.Runtime.CompilerServices;

namespace InferenceServer.Tests;

/// <summary>A test that needs the photographs of CamVid, which may not be committed; skipped where they are not at hand.</summary>
public sealed class CamVidFactAttribute : FactAttribute
{
    public CamVidFactAttribute([CallerMemberName] string test = "")
    {
        if (Folder is null)
        {
            Skip = "CamVid is neither in ../shared/data/camvid beside the repository nor where the environment variable CAMVID points.";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    /// <summary>The folder that holds train and val; null where there is none.</summary>
    internal static string? Folder { get; } = new[]
    {
        Environment.GetEnvironmentVariable("CAMVID"),
        Path.Combine(Repository.Root, "..", "shared", "data", "camvid"),
    }.FirstOrDefault(Directory.Exists);
}
