using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text.Json;
using Google.Protobuf;
using InferenceServer.OpenInference.Grpc.Messages;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>A network of four channels: tensors are served, images are refused.</summary>
public sealed class FourChannelsTests : IAsyncLifetime
{
    private const int Height = 9, Width = 11;
    private static readonly float[] Values = [.. Enumerable.Range(0, 4 * Height * Width).Select(i => i / 396f)];
    private static readonly float[] Scores = [.. Values.Select(v => v * 8)]; // the network multiplies by 8
    private GrpcServer _server = null!;

    public async Task InitializeAsync() => _server = await GrpcServer.StartAsync(
        ("Models:Path", Path.Combine(AppContext.BaseDirectory, "odd-models")), ("Models:Default", "tiny-four"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Http_Tensor_IsServed()
    {
        JsonElement metadata = await _server.Http.GetFromJsonAsync<JsonElement>("/v2/models/tiny-four");
        using HttpResponseMessage answer = await _server.Http.PostAsync("/v2/models/tiny-four/infer", InferCall.Content(
            $$"""{"inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 4, {{Height}}, {{Width}}]}], """ +
            """ "parameters": {"binary_data_output": true} }""",
            MemoryMarshal.AsBytes<float>(Values).ToArray()));
        byte[] output = (await InferCall.ReadAsync(answer)).Bytes;

        Assert.Equal("[-1,4,-1,-1]", metadata.GetProperty("inputs")[0].GetProperty("shape").GetRawText());
        Assert.Equal(Scores, MemoryMarshal.Cast<byte, float>(output).ToArray());
    }

    [Fact]
    public async Task Grpc_Tensor_IsServed()
    {
        ModelInferRequest request = new()
        {
            ModelName = "tiny-four",
            Inputs =
            {
                new ModelInferRequest.Types.InferInputTensor
                {
                    Name = "input", Datatype = "FP32", Shape = { 1, 4, Height, Width },
                },
            },
        };
        request.RawInputContents.Add(ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(Values)));

        (int status, _, ModelInferResponse? response) = await _server.CallAsync("ModelInfer", request, ModelInferResponse.Parser);

        Assert.Equal(0, status);
        Assert.Equal(Scores, MemoryMarshal.Cast<byte, float>(response!.RawOutputContents[0].Span).ToArray());
    }

    [Theory]
    [InlineData("/v1/segment/tiny-four")]
    [InlineData("/v2/models/tiny-four.image/infer")]
    public async Task Http_Image_IsRefusedWithTheRemedy(string path)
    {
        using HttpContent content = Photo.Content(Photo.Png);
        content.Headers.Add("Inference-Header-Content-Length", "0");
        using HttpResponseMessage answer = await _server.Http.PostAsync(path, content);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        string problem = await answer.Content.ReadAsStringAsync();
        Assert.Contains("takes 4 channels. Write preprocess.color", problem, StringComparison.Ordinal);
        Assert.Contains("or send the tensor to /v2/models/tiny-four/infer", problem, StringComparison.Ordinal);
    }
}
