using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.OpenInference;

/// <summary>What the protocol tells of the server and its models, field by field.</summary>
[Collection(SharedServer.Name)]
public sealed class DescriptionTests(SegmentationServer server)
{
    private static readonly string ZeroTensor =
        """{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": """ +
        $"[{string.Join(',', Enumerable.Repeat(0, 3 * 8 * 8))}]}}]}}";

    [Fact]
    public async Task Server_Metadata_HasNameVersionAndTheExtensionsThatThereAre()
    {
        JsonElement metadata = await GetAsync("/v2");

        Assert.Equal(["name", "version", "extensions"], metadata.EnumerateObject().Select(m => m.Name));
        Assert.Equal("inference-server", metadata.GetProperty("name").GetString());
        Assert.NotEqual("", metadata.GetProperty("version").GetString());
        Assert.Equal(
            [
                "binary_tensor_data", "model_configuration", "model_repository", "parameters", "schedule_policy",
                "statistics"
            ],
            Texts(metadata.GetProperty("extensions")));
    }

    [Theory]
    [InlineData("/v2/health/live")]
    [InlineData("/v2/health/ready")]
    [InlineData("/v2/models/tiny/ready")]
    [InlineData("/v2/models/tiny/versions/1/ready")]
    [InlineData("/v2/models/tiny.image/ready")]
    public async Task Ready_WhatServes_Answers200WithoutABody(string path)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    // The asynchronous client of tritonclient accepts compression with every request, and inflates answers of infer alone.
    [Fact]
    public async Task EachRoute_ClientThatAcceptsCompression_CompressesInferAlone()
    {
        (string Method, string Path)[] routes =
        [
            .. from endpoint in server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
               let pattern = "/" + endpoint.RoutePattern.RawText!.Trim('/')
               where pattern.StartsWith("/v2", StringComparison.Ordinal)
               from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST"]
               select (method, Filled(pattern)),
        ];
        Assert.Contains(("GET", "/v2/models/tiny/versions/1/config"), routes);
        Assert.Contains(("POST", "/v2/repository/main/index"), routes);
        Assert.True(routes.Length >= 25, $"{routes.Length} routes");

        foreach ((string method, string path) in routes)
        {
            bool infers = path.EndsWith("/infer", StringComparison.Ordinal);
            using HttpRequestMessage request = new(new HttpMethod(method), path)
            {
                Content = method == "POST" ? InferCall.Content(infers ? ZeroTensor : "{}") : null,
            };
            request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, deflate");

            using HttpResponseMessage response = await server.Client.SendAsync(request);

            string[] encodings = [.. response.Content.Headers.ContentEncoding];
            Assert.Equal((method, path, infers ? "gzip" : ""), (method, path, string.Join(',', encodings)));
            Assert.True(!infers || response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        }

        static string Filled(string pattern) => pattern.Replace("{model}", "tiny", StringComparison.Ordinal)
            .Replace("{version:int}", "1", StringComparison.Ordinal).Replace("{version}", "1", StringComparison.Ordinal)
            .Replace("{repository}", "main", StringComparison.Ordinal).Replace("{**rest}", "status", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v2/models/absent/ready", HttpStatusCode.NotFound)]
    [InlineData("/v2/models/tiny/versions/7/ready", HttpStatusCode.NotFound)]
    [InlineData("/v2/models/tiny-nan/ready", HttpStatusCode.ServiceUnavailable)]
    [InlineData("/v2/models/tiny-nan.image", HttpStatusCode.ServiceUnavailable)]
    [InlineData("/v2/models/absent", HttpStatusCode.NotFound)]
    [InlineData("/v2/models/absent/config", HttpStatusCode.NotFound)]
    [InlineData("/v2/models/absent/stats", HttpStatusCode.NotFound)]
    [InlineData("/v2/nothing", HttpStatusCode.NotFound)]
    public async Task Get_WhatIsNotThere_HasAnErrorInItsBody(string path, HttpStatusCode status)
    {
        using HttpResponseMessage response = await server.Client.GetAsync(path);

        await ProblemAssert.IsAsync(status, response);
    }

    [Theory]
    [InlineData("GET", "/v2/systemsharedmemory/status")]
    [InlineData("POST", "/v2/systemsharedmemory/region/x/register")]
    [InlineData("GET", "/v2/cudasharedmemory/status")]
    [InlineData("GET", "/v2/trace/setting")]
    [InlineData("POST", "/v2/models/tiny/trace/setting")]
    [InlineData("GET", "/v2/logging")]
    [InlineData("POST", "/v2/models/tiny/generate")]
    public async Task Extension_ThatIsNotThere_Answers501(string method, string path)
    {
        using HttpRequestMessage request = new(new HttpMethod(method), path);
        using HttpResponseMessage response = await server.Client.SendAsync(request);

        await ProblemAssert.IsAsync(HttpStatusCode.NotImplemented, response);
    }

    [Theory]
    [InlineData("/v2/models/tiny")]
    [InlineData("/v2/models/tiny/versions/1")]
    public async Task Model_Metadata_IsTheGraph(string path)
    {
        JsonElement metadata = await GetAsync(path);

        Assert.Equal(["name", "versions", "platform", "inputs", "outputs"], metadata.EnumerateObject().Select(m => m.Name));
        Assert.Equal("tiny", metadata.GetProperty("name").GetString());
        Assert.Equal(["1"], Texts(metadata.GetProperty("versions")));
        Assert.Equal("onnxruntime_onnx", metadata.GetProperty("platform").GetString());
        AssertTensor(metadata.GetProperty("inputs"), "input", "FP32", [-1, 3, -1, -1]);
        AssertTensor(metadata.GetProperty("outputs"), "logits", "FP32", [-1, 3, -1, -1]);
    }

    [Fact]
    public async Task Model_MetadataOfTheImageForm_IsImageInMaskOut()
    {
        JsonElement metadata = await GetAsync("/v2/models/tiny.image");

        Assert.Equal("tiny.image", metadata.GetProperty("name").GetString());
        AssertTensor(metadata.GetProperty("inputs"), "image", "BYTES", [1]);
        AssertTensor(metadata.GetProperty("outputs"), "mask", "UINT8", [-1, -1]);
    }

    [Fact]
    public async Task Model_MetadataOfAGraphOfOneSize_SaysWhich() =>
        AssertTensor((await GetAsync("/v2/models/tiny-fixed")).GetProperty("inputs"), "input", "FP32", [-1, 3, 64, 64], firstSide: false);

    [Fact]
    public async Task Config_Tensors_AreThoseOfTheMetadataWithoutTheBatchAxis()
    {
        JsonElement config = await GetAsync("/v2/models/tiny/config");

        Assert.Equal("tiny", config.GetProperty("name").GetString());
        Assert.Equal("onnxruntime_onnx", config.GetProperty("platform").GetString());
        Assert.Equal("onnxruntime", config.GetProperty("backend").GetString());
        Assert.Equal(8, config.GetProperty("max_batch_size").GetInt32());
        JsonElement input = Assert.Single(config.GetProperty("input").EnumerateArray());
        Assert.Equal(("input", "TYPE_FP32"), (input.GetProperty("name").GetString(), input.GetProperty("data_type").GetString()));
        Assert.Equal([3, -1, -1], Numbers(input.GetProperty("dims")));
        JsonElement output = Assert.Single(config.GetProperty("output").EnumerateArray());
        Assert.Equal(("logits", "TYPE_FP32"), (output.GetProperty("name").GetString(), output.GetProperty("data_type").GetString()));
        Assert.False(config.GetProperty("model_transaction_policy").GetProperty("decoupled").GetBoolean());
        Assert.False(config.TryGetProperty("sequence_batching", out _));
        Assert.False(config.TryGetProperty("ensemble_scheduling", out _));
        Assert.Equal("KIND_CPU", Assert.Single(config.GetProperty("instance_group").EnumerateArray()).GetProperty("kind").GetString());
    }

    [Fact]
    public async Task Config_OfTheImageForm_HasNoBatchAxis()
    {
        JsonElement config = await GetAsync("/v2/models/tiny.image/config");

        Assert.Equal(0, config.GetProperty("max_batch_size").GetInt32());
        JsonElement input = Assert.Single(config.GetProperty("input").EnumerateArray());
        Assert.Equal(("image", "TYPE_STRING"), (input.GetProperty("name").GetString(), input.GetProperty("data_type").GetString()));
        Assert.Equal([1], Numbers(input.GetProperty("dims")));
    }

    [Fact]
    public async Task Config_OfAGraphWhoseLabelsHaveNoBatchAxis_HasWholeShapes()
    {
        await using SegmentationServer odd = await SegmentationServer.StartAsync(
            ("Models:Path", Path.Combine(AppContext.BaseDirectory, "odd-models")),
            ("Models:Default", "tiny-flat-labels"));
        using HttpResponseMessage response = await odd.Client.GetAsync("/v2/models/tiny-flat-labels/config");
        using HttpResponseMessage answer = await odd.Client.PostAsync("/v2/models/tiny-flat-labels/infer", InferCall.Content(
            """{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 3, 8, 12]}], "parameters": """ +
            """{"binary_data_output": true} }""",
            new byte[3 * 8 * 12 * sizeof(float)]));
        JsonElement config = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement, output = (
            await InferCall.ReadAsync(answer)).Json.GetProperty("outputs")[0];

        Assert.Equal(0, config.GetProperty("max_batch_size").GetInt32());
        Assert.Equal([-1, 3, -1, -1], Numbers(Assert.Single(config.GetProperty("input").EnumerateArray()).GetProperty("dims")));
        Assert.Equal([-1, -1], Numbers(Assert.Single(config.GetProperty("output").EnumerateArray()).GetProperty("dims")));
        Assert.Equal([8, 12], Numbers(output.GetProperty("shape")));
    }

    [Fact]
    public async Task Config_WhereRequestsShareRuns_TellsOfIt()
    {
        await using SegmentationServer batching = await SegmentationServer.StartAsync(
            ("Batching:MaxBatchSize", "4"), ("Batching:MaxQueueDelay", "00:00:00.005"));

        JsonElement dynamic =
            (await batching.Client.GetFromJsonAsync<JsonElement>("/v2/models/tiny/config")).GetProperty(
                "dynamic_batching");

        Assert.Equal([4], Numbers(dynamic.GetProperty("preferred_batch_size")));
        Assert.Equal(5000, dynamic.GetProperty("max_queue_delay_microseconds").GetInt64());
        Assert.False((await GetAsync("/v2/models/tiny/config")).TryGetProperty("dynamic_batching", out _));
    }

    private static void AssertTensor(JsonElement tensors, string name, string datatype, long[] shape, bool firstSide = true)
    {
        JsonElement tensor = Assert.Single(tensors.EnumerateArray());
        Assert.Equal(["name", "datatype", "shape"], tensor.EnumerateObject().Select(m => m.Name));
        Assert.Equal(name, tensor.GetProperty("name").GetString());
        Assert.Equal(datatype, tensor.GetProperty("datatype").GetString());
        int skip = firstSide ? 0 : 1;
        Assert.Equal(shape[skip..], Numbers(tensor.GetProperty("shape"))[skip..]);
    }

    private static string[] Texts(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetString()!)];

    private static long[] Numbers(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt64())];

    private Task<JsonElement> GetAsync(string path) => server.Client.GetFromJsonAsync<JsonElement>(path);
}
