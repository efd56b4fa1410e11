using InferenceServer.Errors;
using InferenceServer.Health;
using InferenceServer.Hosting;
using InferenceServer.Telemetry;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary><c>InferenceServer work</c>: works on the jobs of other servers and answers nothing but health and
/// metrics.</summary>
internal static class WorkCommand
{
    /// <summary>The first argument, which selects this command instead of the server.</summary>
    public const string Name = "work";

    /// <summary>Works until the process is stopped; images that are not finished go to other workers.</summary>
    /// <exception cref="StartUpException">No other server can give work to this process.</exception>
    public static void RunWorker(this WebApplication app)
    {
        JobOptions options = app.Services.GetRequiredService<IOptions<JobOptions>>().Value;
        if (options.Engine != JobEngine.Nats || options.Workers == 0)
        {
            throw new StartUpException(
                $"{Name}: expected Jobs:Engine=Nats, Jobs:Path of the servers that accept jobs, and Jobs:Workers of at least 1; "
                + $"got Jobs:Engine={options.Engine}, Jobs:Path='{options.Path}' and Jobs:Workers={options.Workers}.");
        }

        app.UseRequestLog();
        app.UseProblems();
        app.UseManagementAddress();
        app.MapHealth();
        app.MapMetrics();
        app.RunAndDrain();
    }
}
