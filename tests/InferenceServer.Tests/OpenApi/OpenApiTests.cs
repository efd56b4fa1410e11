using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace InferenceServer.Tests.OpenApi;

[Collection(SharedServer.Name)]
public sealed class OpenApiTests(SegmentationServer server)
{
    [Fact]
    public async Task Document_Routes_AreAllThere()
    {
        JsonElement document = await DocumentAsync();

        Assert.Equal(
            [
                "/api/function_invocations", "/api/functions", "/api/functions/{model}", "/health/live", "/health/ready", "/huggingface", "/huggingface/{model}",
                "/label-studio/health", "/label-studio/models/{model}/health", "/label-studio/models/{model}/predict", "/label-studio/models/{model}/setup", "/label-studio/models/{model}/webhook",
                "/label-studio/predict", "/label-studio/setup", "/label-studio/webhook", "/metrics", "/v1/jobs", "/v1/jobs/{id}", "/v1/jobs/{id}/events", "/v1/jobs/{id}/result", "/v1/models", "/v1/models/{model}", "/v1/models/{model}/load", "/v1/models/{model}/unload", "/v1/models/{model}/versions/{version}",
                "/v1/segment", "/v1/segment/{model}", "/v1/segment/{model}/versions/{version}", "/v1/segment:batch",
                "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", "/v2/models/{model}", "/v2/models/{model}/config", "/v2/models/{model}/infer", "/v2/models/{model}/ready", "/v2/models/{model}/stats",
                "/v2/models/{model}/versions/{version}", "/v2/models/{model}/versions/{version}/config", "/v2/models/{model}/versions/{version}/infer", "/v2/models/{model}/versions/{version}/ready",
                "/v2/models/{model}/versions/{version}/stats",
                "/v2/repository/index", "/v2/repository/models/{model}/load", "/v2/repository/models/{model}/unload",
                "/v2/repository/{repository}/index", "/v2/repository/{repository}/models/{model}/load", "/v2/repository/{repository}/models/{model}/unload",
            ],
            document.GetProperty("paths").EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Document_OperationIds_AreUnique()
    {
        JsonElement document = await DocumentAsync();
        string?[] ids = [.. document.GetProperty("paths").EnumerateObject().SelectMany(p => p.Value.EnumerateObject()).Select(o => o.Value.GetProperty("operationId").GetString())];
        Assert.Distinct(ids);
    }

    [Theory]
    [InlineData("/v1/segment")]
    [InlineData("/v1/segment/{model}")]
    [InlineData("/v1/segment/{model}/versions/{version}")]
    public async Task Document_ImageBody_IsBinaryForEveryType(string path)
    {
        JsonElement content = (await OperationAsync(path)).GetProperty("requestBody").GetProperty("content");

        Assert.Equal("image/jpeg", content.EnumerateObject().First().Name); // what Swagger UI offers at once
        foreach (string type in (string[])["image/jpeg", "image/png", "image/webp", "image/tiff", "image/avif"])
        {
            Assert.Equal("binary", content.GetProperty(type).GetProperty("schema").GetProperty("format").GetString());
        }

        JsonElement form = content.GetProperty("multipart/form-data").GetProperty("schema");
        Assert.Equal("binary", form.GetProperty("properties").GetProperty("image").GetProperty("format").GetString());
    }

    [Theory]
    [InlineData("/v1/segment")]
    [InlineData("/v1/segment/{model}")]
    [InlineData("/v1/segment/{model}/versions/{version}")]
    public async Task Document_Answers_AreMasksAndProblems(string path)
    {
        JsonElement responses = (await OperationAsync(path)).GetProperty("responses");

        Assert.Equal(
            ["image/png", "image/jpeg", "application/octet-stream", "application/json", "application/geo+json", "application/zip", "application/x-npy"],
            responses.GetProperty("200").GetProperty("content").EnumerateObject().Select(c => c.Name));
        foreach (int status in (int[])[400, 401, 403, 404, 413, 415, 422, 429, 500, 503, 504])
        {
            Assert.True(responses.GetProperty($"{status}").GetProperty("content").TryGetProperty("application/problem+json", out _));
        }
    }

    [Theory]
    [InlineData("/v2/models/{model}/infer")]
    [InlineData("/v2/models/{model}/versions/{version}/infer")]
    public async Task Document_Infer_TakesAndGivesJsonAndBytes(string path)
    {
        JsonElement operation = await OperationAsync(path);

        Assert.Equal(["application/json", "application/octet-stream"], operation.GetProperty("requestBody").GetProperty("content").EnumerateObject().Select(c => c.Name));
        Assert.Equal(["application/json", "application/octet-stream"], operation.GetProperty("responses").GetProperty("200").GetProperty("content").EnumerateObject().Select(c => c.Name));
        Assert.Contains("Inference-Header-Content-Length", operation.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
        Assert.True(operation.GetProperty("responses").TryGetProperty("501", out _));
    }

    [Fact]
    public async Task Document_Parameters_HaveChoicesAndExamples()
    {
        Dictionary<string, JsonElement> parameters = (await OperationAsync("/v1/segment/{model}")).GetProperty("parameters").EnumerateArray()
            .ToDictionary(p => p.GetProperty("name").GetString()!);

        Assert.Equal("tiny", parameters["model"].GetProperty("example").GetString());
        Assert.Equal(
            ["png", "overlay", "overlay-jpeg", "color", "raw", "json", "confidence", "coco-rle", "polygons", "geojson", "masks", "npy", "npy-probabilities"],
            parameters["format"].GetProperty("schema").GetProperty("enum").EnumerateArray().Select(f => f.GetString()!));
        Assert.Equal("number", parameters["alpha"].GetProperty("schema").GetProperty("type").GetString());
    }

    [Theory]
    [InlineData("/swagger")]
    [InlineData("/swagger/index.html")]
    public async Task Ui_Page_Answers(string path)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/html", response.Content.Headers.ContentType?.MediaType);
    }

    private async Task<JsonElement> OperationAsync(string path) => (await DocumentAsync()).GetProperty("paths").GetProperty(path).GetProperty("post");

    private Task<JsonElement> DocumentAsync() => server.Client.GetFromJsonAsync<JsonElement>("/swagger/v1/swagger.json");
}
