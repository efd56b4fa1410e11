using System.Net;

namespace InferenceServer.Tests.Dialects;

/// <summary>Every way to a mask is behind the same keys.</summary>
public sealed class DialectKeysTests
{
    [Fact]
    public async Task Post_WithoutAKey_IsRefusedEverywhere()
    {
        await using SegmentationServer server = await SegmentationServer.StartAsync(
            ("Security:Keys:lab:Hash", "sha256:" + new string('a', 64)), ("Fetch:Hosts:0", "example.org"));

        foreach (string path in (string[])[
            "/v1/segment", "/v1/segment:batch", "/v1/refine", "/v1/jobs", "/huggingface", "/huggingface/tiny",
            "/label-studio/setup", "/label-studio/predict", "/label-studio/models/tiny/predict",
            "/api/function_invocations", "/api/remove", "/x-anylabeling/v1/predict"])
        {
            // Routing looks at the type of some bodies before anybody looks at keys.
            string type = path.Contains("segment", StringComparison.Ordinal)
                || path.StartsWith("/hugging", StringComparison.Ordinal)
                ? "image/png"
                : path == "/v1/jobs"
                ? "application/zip"
                : "application/json";
            using HttpResponseMessage response = await server.Client.PostAsync(
                path, Photo.Content(Photo.Png, path == "/v1/segment:batch" ? "application/zip" : type));
            await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response);
        }

        foreach (string path in (string[])[
            "/api/remove", "/api/functions", "/api/functions/tiny", "/x-anylabeling/v1/models",
            "/v1/jobs/1", "/v1/jobs/1/events", "/v1/jobs/1/result"])
        {
            using HttpResponseMessage response = await server.Client.GetAsync(path);
            await ProblemAssert.IsAsync(HttpStatusCode.Unauthorized, response);
        }
    }
}
