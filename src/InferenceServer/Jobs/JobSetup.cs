using InferenceServer.Runtime;

namespace InferenceServer.Jobs;

/// <summary>Wires the jobs.</summary>
internal static class JobSetup
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddOptions<JobOptions>().BindConfiguration("Jobs").ValidateOnStart(new JobOptionsValidator(), "Jobs");
        services.AddSingleton<JobFolder>();
        services.AddSingleton<JobStore>();
        services.AddHostedService<JobWorker>();
    }
}
