using InferenceServer.Runtime;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Wires the jobs.</summary>
internal static class JobSetup
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddSection("Jobs", new JobOptionsValidator());
        services.AddSingleton<IValidateOptions<JobOptions>, JobConsistency>();
        services.AddSingleton<JobFolder>();
        services.AddSingleton<JobStore>();
        services.AddHostedService<JobWorker>();
    }
}
