using InferenceServer.Fetching;
using InferenceServer.Runtime;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>Wires what serves Label Studio.</summary>
internal static class LabelStudioSetup
{
    public static void AddLabelStudio(this IServiceCollection services)
    {
        services.AddSection("LabelStudio", new LabelStudioOptionsValidator());
        // Whoever says where Label Studio is wants its images fetched, and it is usually next door.
        services.AddOptions<FetchOptions>().PostConfigure<IOptions<LabelStudioOptions>>((fetch, own) =>
        {
            if (Uri.TryCreate(own.Value.Url, UriKind.Absolute, out Uri? url))
            {
                fetch.PrivateHosts.Add(url.Authority);
            }
        });
        services.AddSingleton<TaskImages>();
    }
}
