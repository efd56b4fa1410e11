using System.Runtime.CompilerServices;

namespace InferenceServer.Tests;

/// <summary>Makes pictures for the documentation rather than testing; only where it is told where they go.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ScreenshotFactAttribute : FactAttribute
{
    /// <summary>Looks for the folder.</summary>
    public ScreenshotFactAttribute([CallerMemberName] string test = "")
    {
        if (Folder is null || ChromiumFactAttribute.Program is null)
        {
            Skip = "SCREENSHOTS names no folder for them";
            DisplayName = $"{test}: {Skip}";
        }
    }

    /// <summary>The folder of the screenshots, relative to the repository; null for no screenshots.</summary>
    internal static string? Folder { get; } = Environment.GetEnvironmentVariable("SCREENSHOTS") is
    {
        Length: > 0,
    } folder
        ? Path.Combine(Repository.Root, folder)
        : null;
}
