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
