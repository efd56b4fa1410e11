using InferenceServer.Runtime;
using Microsoft.Extensions.Options;

namespace InferenceServer.Fetching;

/// <summary>Wires the fetching of images by URL.</summary>
internal static class FetchSetup
{
    public static void AddFetching(this IServiceCollection services)
    {
        services.AddSection("Fetch", new FetchOptionsValidator());
        services.AddSingleton<IValidateOptions<FetchOptions>, FetchConsistency>();
        services.AddSingleton<ImageFetcher>();
    }
}
