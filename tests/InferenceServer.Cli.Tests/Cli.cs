using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Tests;

/// <summary>Runs the program as a shell would, in this process.</summary>
internal static class Cli
{
    public static string Models { get; } = Path.Combine(AppContext.BaseDirectory, "models");

    public static string Images { get; } = Path.Combine(AppContext.BaseDirectory, "images");

    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int exitCode = await CommandLine.RunAsync(args, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }
}
