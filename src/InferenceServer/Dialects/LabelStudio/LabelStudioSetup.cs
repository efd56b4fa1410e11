using InferenceServer.Runtime;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Wires what serves Label Studio.</summary>
internal static class LabelStudioSetup
{
    public static void AddLabelStudio(this IServiceCollection services)
    {
        services.AddSection("LabelStudio", new LabelStudioOptionsValidator());
        services.AddSingleton<TaskImages>();
        services.AddSingleton<TaskPredictor>();
    }
}
