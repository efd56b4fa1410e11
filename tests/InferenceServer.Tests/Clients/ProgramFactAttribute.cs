using System.Runtime.CompilerServices;

namespace InferenceServer.Tests.Clients;

/// <summary>A test that needs a program, and says so where it is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ProgramFactAttribute : FactAttribute
{
    /// <summary>Looks for the program.</summary>
    public ProgramFactAttribute(string program, [CallerMemberName] string test = "")
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program))))
        {
            Skip = program + " is not installed";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }
}
