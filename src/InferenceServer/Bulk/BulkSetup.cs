using InferenceServer.Runtime;

namespace InferenceServer.Bulk;

/// <summary>Wires requests with many images.</summary>
internal static class BulkSetup
{
    public static void AddBulk(this IServiceCollection services)
    {
        services.AddSection("Bulk", new BulkOptionsValidator());
        services.AddSingleton<BulkPlaces>();
        services.AddSingleton<BulkRunner>();
    }
}
