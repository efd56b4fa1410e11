using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace InferenceServer.Tests.Dialects;

/// <summary>A test that needs a module of Python, and says so where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PythonFactAttribute : FactAttribute
{
    /// <summary>Asks Python for the module.</summary>
    public PythonFactAttribute(string module, [CallerMemberName] string test = "")
    {
        if (Run($"import {module}").ExitCode != 0)
        {
            Skip = $"Python has no module {module}";
            DisplayName = $"{test}: {Skip}"; // the console shows the names of skipped tests, but not why they were
        }
    }

    /// <summary>Runs a program; the arguments are its <c>sys.argv[1:]</c>.</summary>
    internal static (int ExitCode, string Output, string Error) Run(string code, params string[] arguments)
    {
        ProcessStartInfo start = new("/usr/bin/env") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])[File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3", "-c", code, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
