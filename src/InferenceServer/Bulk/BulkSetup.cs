using InferenceServer.Runtime;

namespace InferenceServer.Bulk;

/// <summary>Wires requests with many images.</summary>
internal static class BulkSetup
{
    public static void AddBulk(this IServiceCollection services)
    {
        services.AddOptions<BulkOptions>().BindConfiguration("Bulk").ValidateOnStart(new BulkOptionsValidator(), "Bulk");
        services.AddSingleton<BulkRunner>();
    }
}
