using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Hosting;

/// <summary>Judges a body's content type once its caller may call the endpoint. Routing would judge before, and answer strangers 415 where they need a key.</summary>
internal static class ContentTypes
{
    public static void AddContentTypes(this IServiceCollection services) =>
        services.Remove(services.AddRouting().Single(service => service.ImplementationType?.Name == "AcceptsMatcherPolicy"));

    public static void UseContentTypes(this WebApplication app) => app.Use((http, next) =>
        http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>() is { } accepts && http.Request.ContentType is { Length: > 0 } type && !IsAmong(accepts.ContentTypes, type)
            ? Problem.WriteAsync(http, new SegmentationException(
                SegmentationError.UnsupportedMediaType, $"Content-Type '{type}' is not taken here; send {string.Join(" or ", accepts.ContentTypes)}."))
            : next(http));

    // As routing has it: application/geo+json is JSON, too.
    private static bool IsAmong(IReadOnlyList<string> taken, string type) =>
        MediaTypeHeaderValue.TryParse(type, out MediaTypeHeaderValue? sent) && taken.Any(t => sent.IsSubsetOf(MediaTypeHeaderValue.Parse(t)));
}
