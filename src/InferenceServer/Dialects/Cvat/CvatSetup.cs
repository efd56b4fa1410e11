using InferenceServer.Runtime;

namespace InferenceServer.Dialects.Cvat;

/// <summary>Wires what serves CVAT.</summary>
internal static class CvatSetup
{
    public static void AddCvat(this IServiceCollection services) =>
        services.AddSection("Cvat", new CvatOptionsValidator());
}
