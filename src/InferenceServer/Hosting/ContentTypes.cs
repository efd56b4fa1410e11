using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Hosting;

/// <summary>Checks the content type of a body after authorization. Routing would check it before, and tell strangers 415, not 401.</summary>
internal static class ContentTypes
{
    public static void AddContentTypes(this IServiceCollection services) =>
        services.Remove(services.AddRouting().Single(service => service.ImplementationType?.Name == "AcceptsMatcherPolicy"));

    public static void UseContentTypes(this WebApplication app) => app.Use((http, next) =>
    {
        string type = http.Request.ContentType ?? "";
        IReadOnlyList<string>? taken = http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes;
        if (type.Length == 0 || taken is null || IsAmong(taken, type))
        {
            return next(http);
        }

        string message = $"Content-Type '{type}' is not taken here; send {string.Join(" or ", taken)}.";
        return Problem.WriteAsync(http, new SegmentationException(SegmentationError.UnsupportedMediaType, message));
    });

    // The rule of routing: application/geo+json is JSON, too.
    private static bool IsAmong(IReadOnlyList<string> taken, string type) =>
        MediaTypeHeaderValue.TryParse(type, out MediaTypeHeaderValue? sent)
        && taken.Any(one => sent.IsSubsetOf(MediaTypeHeaderValue.Parse(one)));
}
