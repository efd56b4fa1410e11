using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Hosting;

/// <summary>Checks the content type of a body after authorization. Routing would check the content type first, and
/// respond with 415 instead of 401 to requests without a key.</summary>
internal static class ContentTypes
{
    public static void AddContentTypes(this IServiceCollection services) =>
        services.Remove(
            services.AddRouting().Single(service => service.ImplementationType?.Name == "AcceptsMatcherPolicy"));

    public static void UseContentTypes(this WebApplication app) => app.Use((http, next) =>
    {
        string type = http.Request.ContentType ?? "";
        IReadOnlyList<string>? accepted = http.GetEndpoint()?.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes;
        if (type.Length == 0 || accepted is null || IsAmong(accepted, type))
        {
            return next(http);
        }

        string message = $"Content-Type: expected {string.Join(" or ", accepted)}, got '{type}'.";
        return Problem.WriteAsync(http, new SegmentationException(SegmentationError.UnsupportedMediaType, message));
    });

    // Routing has the same rule: application/geo+json is also JSON.
    private static bool IsAmong(IReadOnlyList<string> accepted, string type) =>
        MediaTypeHeaderValue.TryParse(type, out MediaTypeHeaderValue? sent)
        && accepted.Any(one => sent.IsSubsetOf(MediaTypeHeaderValue.Parse(one)));
}
