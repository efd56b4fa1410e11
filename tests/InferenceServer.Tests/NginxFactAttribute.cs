using System.Runtime.CompilerServices;

namespace InferenceServer.Tests;

/// <summary>A test that needs nginx, and says so where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NginxFactAttribute : FactAttribute
{
    /// <summary>Looks for the program.</summary>
    public NginxFactAttribute([CallerMemberName] string test = "")
    {
        if (Program is null)
        {
            Skip = "nginx is not installed; apt-get install nginx-light";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    /// <summary>Where nginx is; null where it is not installed.</summary>
    internal static string? Program { get; } =
        ((string[])["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx"])
            .FirstOrDefault(File.Exists);
}
