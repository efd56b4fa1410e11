using System.Runtime.CompilerServices;

namespace InferenceServer.Tests;

/// <summary>A test that needs a browser, and says so where none is installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ChromiumFactAttribute : FactAttribute
{
    /// <summary>Looks for the browser, and for another program.</summary>
    public ChromiumFactAttribute(string? program = null, [CallerMemberName] string test = "")
    {
        if (Program is null)
        {
            Skip = "Chromium is not installed; apt-get install chromium";
        }
        else if (program is not null && !IsInstalled(program))
        {
            Skip = program + " is not installed";
        }

        if (Skip is not null)
        {
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    /// <summary>Where the browser is; null where it is not installed.</summary>
    internal static string? Program { get; } =
        ((string[])["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]).FirstOrDefault(File.Exists);

    private static bool IsInstalled(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, program)));
}
