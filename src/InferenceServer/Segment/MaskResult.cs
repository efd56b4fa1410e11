using System.Globalization;
using System.Reflection;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using Microsoft.AspNetCore.Http.Metadata;

namespace InferenceServer.Segment;

/// <summary>A mask on its way to the client, with headers that say what made it and where the time went.</summary>
/// <remarks>Keeps the request's place in the server until the client has the last byte; the photograph's pixels are free by then.</remarks>
internal sealed class MaskResult(AdmittedRequest admitted, SegmentationResult result, string contentType, PooledBufferWriter mask) : IResult, IEndpointMetadataProvider
{
    private readonly int _width = result.Mask.Size.Width;
    private readonly int _height = result.Mask.Size.Height;
    private readonly StageTimings _timings = result.Timings;

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder) => builder.Metadata.Add(
        new ProducesResponseTypeMetadata(StatusCodes.Status200OK, contentTypes: [.. MaskFormat.All.Select(f => f.MediaType).Distinct()]));

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        using (admitted)
        using (mask)
        {
            HttpResponse response = httpContext.Response;
            response.ContentType = contentType;
            response.ContentLength = mask.Written.Length;
            response.Headers["X-Model"] = admitted.Model.Name;
            response.Headers["X-Model-Version"] = admitted.Model.Version.ToString(CultureInfo.InvariantCulture);
            response.Headers["X-Image-Width"] = _width.ToString(CultureInfo.InvariantCulture);
            response.Headers["X-Image-Height"] = _height.ToString(CultureInfo.InvariantCulture);
            response.Headers["Server-Timing"] = Timing(_timings);
            using (_timings.Measure(Stage.Write))
            {
                await response.BodyWriter.WriteAsync(mask.Written, httpContext.RequestAborted);
            }

            httpContext.Observation().Sent(mask.Written.Length);
        }
    }

    private static string Timing(StageTimings timings) => string.Join(
        ", ",
        StageTimings.Stages.Where(stage => stage != Stage.Write).Select((stage, i) => string.Create(CultureInfo.InvariantCulture, $"{StageTimings.Names[i]};dur={timings[stage].TotalMilliseconds:F2}")));
}
