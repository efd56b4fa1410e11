using Microsoft.AspNetCore.Http.Metadata;

namespace InferenceServer.OpenInference;

/// <summary>Takes the web server's limit on bodies off an endpoint whose handler counts the bytes itself: those that come out of decompression, and by another limit than images have.</summary>
internal sealed class BodyLimit : IRequestSizeLimitMetadata
{
    public static readonly BodyLimit Instance = new();

    private BodyLimit()
    {
    }

    public long? MaxRequestBodySize => null;
}
