using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.OpenInference;

/// <summary>Tensors in, the graph's own output out.</summary>
[Collection(SharedServer.Name)]
public sealed class TensorInferTests(SegmentationServer server)
{
    private const string Route = "/v2/models/tiny/infer";
    private static readonly float[] Tensor = InferCall.Tensor(Photo.Labels);

    [Fact]
    public async Task Binary_Tensor_GivesTheSessionsOwnOutput()
    {
        using HttpResponseMessage response = await server.Client.PostAsync(
            Route,
            InferCall.Content(
                Binary(1, Tensor, """, "parameters": {"binary_data_output": true}"""), InferCall.Bytes(Tensor)));

        (JsonElement json, byte[] rest) = await InferCall.ReadAsync(response);
        JsonElement output = Assert.Single(json.GetProperty("outputs").EnumerateArray());
        (float[] expected, int[] shape) = Run(Tensor);
        Assert.Equal(("logits", "FP32"), (output.GetProperty("name").GetString(), output.GetProperty("datatype").GetString()));
        Assert.Equal(shape, output.GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()));
        Assert.Equal(rest.Length, output.GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
        Assert.Equal(expected, MemoryMarshal.Cast<byte, float>(rest).ToArray());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Json_FlatOrNested_GivesTheSameOutput(bool nested)
    {
        string data = nested ? Nested(Tensor) : JsonSerializer.Serialize(Tensor);
        string request =
            $$"""{"inputs": [{"data": {{data}}, "shape": [1, 3, {{Photo.Height}}, """ +
            $$"""{{Photo.Width}}], "name": "input", "datatype": "FP32"}]}""";

        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(request));

        (JsonElement json, _) = await InferCall.ReadAsync(response);
        Assert.Equal(
            Run(Tensor).Values,
            Assert.Single(json.GetProperty("outputs").EnumerateArray())
                .GetProperty("data")
                .EnumerateArray()
                .Select(e => e.GetSingle()));
    }

    [Theory]
    [InlineData("tiny-labels", "labels")]
    [InlineData("tiny-probabilities", "probabilities")]
    public async Task Json_OtherOutputs_HaveTheirOwnTypes(string model, string name)
    {
        using HttpResponseMessage text = await server.Client.PostAsync(
            $"/v2/models/{model}/infer", InferCall.Content(Binary(1, Tensor, ""), InferCall.Bytes(Tensor)));
        using HttpResponseMessage bytes = await server.Client.PostAsync($"/v2/models/{model}/infer", InferCall.Content(
            Binary(1, Tensor, $$""", "outputs": [{"name": "{{name}}", "parameters": {"binary_data": true} }]"""), InferCall.Bytes(Tensor)));

        JsonElement output = Assert.Single((await InferCall.ReadAsync(text)).Json.GetProperty("outputs").EnumerateArray());
        (JsonElement json, byte[] rest) = await InferCall.ReadAsync(bytes);
        Assert.Equal(name, output.GetProperty("name").GetString());
        string datatype = json.GetProperty("outputs")[0].GetProperty("datatype").GetString()!;
        Assert.Equal(datatype, output.GetProperty("datatype").GetString());
        double[] expected = datatype switch
        {
            "FP32" => [.. MemoryMarshal.Cast<byte, float>(rest).ToArray().Select(v => (double)v)],
            "INT64" => [.. MemoryMarshal.Cast<byte, long>(rest).ToArray().Select(v => (double)v)],
            "INT32" => [.. MemoryMarshal.Cast<byte, int>(rest).ToArray().Select(v => (double)v)],
            _ => [.. rest.Select(v => (double)v)],
        };
        Assert.Equal(expected, output.GetProperty("data").EnumerateArray().Select(e => datatype == "FP32" ? e.GetSingle() : e.GetDouble()));
    }

    [Fact]
    public async Task Batch_ThreeImages_EachGetsItsOwnOutput()
    {
        float[][] images =
        [
            InferCall.Tensor(Photo.Labels), InferCall.Tensor(new byte[Photo.Labels.Length]),
            InferCall.Tensor([.. Photo.Labels.Reverse()])
        ];
        float[] together = [.. images.SelectMany(i => i)];

        using HttpResponseMessage response = await server.Client.PostAsync(
            Route,
            InferCall.Content(
                Binary(3, together, """, "parameters": {"binary_data_output": true}"""), InferCall.Bytes(together)));

        (JsonElement json, byte[] rest) = await InferCall.ReadAsync(response);
        Assert.Equal(
            [3, 3, Photo.Height / 4, Photo.Width / 4],
            json.GetProperty("outputs")[0].GetProperty("shape").EnumerateArray().Select(e => e.GetInt32()));
        Assert.Equal(images.SelectMany(i => Run(i).Values), MemoryMarshal.Cast<byte, float>(rest).ToArray());
    }

    [Fact]
    public async Task Images_AsTheGraphsInput_GiveItsOutput()
    {
        // OpenVINO Model Server takes encoded images for the input of any graph.
        byte[] second = Photo.Plain(Photo.Width, Photo.Height);
        byte[] tensor = [.. InferCall.Element(Photo.Png), .. InferCall.Element(second)];
        string request =
            $$"""{"inputs": [{"name": "input", "datatype": "BYTES", "shape": [2], "parameters": """ +
            $$"""{"binary_data_size": {{tensor.Length}} } }], "parameters": {"binary_data_output": true} }""";

        using HttpResponseMessage response = await server.Client.PostAsync(Route, InferCall.Content(request, tensor));

        (JsonElement json, byte[] rest) = await InferCall.ReadAsync(response);
        Assert.Equal(2, json.GetProperty("outputs")[0].GetProperty("shape")[0].GetInt32());
        Assert.Equal(
            [.. Run(Tensor).Values, .. Run(InferCall.Tensor([.. Photo.Labels.Select(_ => (byte)1)])).Values],
            MemoryMarshal.Cast<byte, float>(rest).ToArray());
    }

    [Fact]
    public async Task Raw_GraphWithOneOpenSide_TakesTheBodyAsItsInput()
    {
        float[] tensor = new float[3 * 64 * 64];
        Array.Fill(tensor, 0.5f);

        using HttpResponseMessage fixedSize = await server.Client.PostAsync(
            "/v2/models/tiny-fixed/infer", InferCall.Raw(InferCall.Bytes(tensor)));
        using HttpResponseMessage open = await server.Client.PostAsync(Route, InferCall.Raw(InferCall.Bytes(tensor)));

        Assert.Equal(
            [1, 3, 16, 16],
            (await InferCall.ReadAsync(fixedSize)).Json.GetProperty("outputs")[0]
                .GetProperty("shape")
                .EnumerateArray()
                .Select(e => e.GetInt32()));
        Assert.Contains("several free sides", await ProblemAssert.IsAsync(HttpStatusCode.BadRequest, open), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tensors_AndPhotographs_ShareTheQueueAndTheRuns()
    {
        await using SegmentationServer batching = await SegmentationServer.StartAsync(
            ("Scheduling:Instances", "1"), ("Batching:MaxBatchSize", "8"));
        LoadedModel model = batching.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
        using GatedSession gate = new(model);
        Task<HttpResponseMessage> first = batching.Client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        await Eventually.TrueAsync(() => model.Scheduler.Running == 1);
        Task<HttpResponseMessage> photo = batching.Client.PostAsync("/v1/segment/tiny?format=raw", Photo.Content(Photo.Png));
        Task<HttpResponseMessage> tensor = batching.Client.PostAsync(
            Route, InferCall.Content(Binary(1, Tensor, ""), InferCall.Bytes(Tensor)));
        await Eventually.TrueAsync(() => model.Scheduler.QueuedImages == 2);

        gate.Open();

        using HttpResponseMessage answered = await tensor;
        Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
        Assert.Equal(Photo.Labels, await (await photo).Content.ReadAsByteArrayAsync());
        using HttpResponseMessage ignored = await first;
        Assert.Equal([1, 2], gate.Runs);
    }

    [Fact]
    public async Task Request_ServerFull_Answers429LikeV1()
    {
        await using SegmentationServer small = await SegmentationServer.StartAsync(("Scheduling:MaxRequests", "1"));
        using GatedSession gate = new(small.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        Task<HttpResponseMessage> first = small.Client.PostAsync(Route, InferCall.Content(Binary(1, Tensor, ""), InferCall.Bytes(Tensor)));
        await Eventually.TrueAsync(() => small.InFlight.Requests == 1);

        using HttpResponseMessage tensor = await small.Client.PostAsync(
            Route, InferCall.Content(Binary(1, Tensor, ""), InferCall.Bytes(Tensor)));
        using HttpResponseMessage image = await small.Client.PostAsync("/v2/models/tiny.image/infer", InferCall.Raw(Photo.Png));

        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, tensor);
        await ProblemAssert.IsAsync(HttpStatusCode.TooManyRequests, image);
        Assert.NotNull(image.Headers.RetryAfter);
        gate.Open();
        using HttpResponseMessage served = await first;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    [Fact]
    public async Task Timeout_InMicroseconds_EndsTheWait()
    {
        await using SegmentationServer slow = await SegmentationServer.StartAsync(("Scheduling:Instances", "1"));
        LoadedModel model = slow.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
        using GatedSession gate = new(model);
        Task<HttpResponseMessage> first = slow.Client.PostAsync(Route, InferCall.Content(Binary(1, Tensor, ""), InferCall.Bytes(Tensor)));
        await Eventually.TrueAsync(() => model.Scheduler.Running == 1);

        using HttpResponseMessage late = await slow.Client.PostAsync(
            Route,
            InferCall.Content(Binary(1, Tensor, """, "parameters": {"timeout": 20000}"""), InferCall.Bytes(Tensor)));

        await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, late);
        gate.Open();
        using HttpResponseMessage served = await first;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    private static string Binary(int images, float[] values, string more) =>
        $$"""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [{{images}}, 3, {{Photo.Height}}, """ +
        $$"""{{Photo.Width}}], "parameters": {"binary_data_size": {{values.Length * sizeof(float)}} } }]{{more}} }""";

    private static string Nested(float[] values)
    {
        IEnumerable<float[][]> channels = values.Chunk(Photo.Width * Photo.Height).Select(c => c.Chunk(Photo.Width).ToArray());
        return JsonSerializer.Serialize(new[] { channels.ToArray() });
    }

    private (float[] Values, int[] Shape) Run(float[] values)
    {
        using InputTensor input = new(1, new Kernels.ImageSize(Photo.Width, Photo.Height), TensorLayout.Float32Nchw(3));
        values.CopyTo(input.Values);
        using ModelOutput output = server.Services.GetRequiredService<ModelRepository>()
            .Entry("tiny").Model!.Session.Run(input, CancellationToken.None);
        return (output.Scores().ToArray(), [.. output.Shape]);
    }
}
