using System.Net;
using System.Runtime.InteropServices;
using Google.Protobuf;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime.Models;
using InferenceServer.Tests.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>The protocol over gRPC, and what becomes of calls that are not as they should be.</summary>
public sealed class GrpcTests : IAsyncLifetime
{
    private const int InvalidArgument = 3, DeadlineExceeded = 4, NotFound = 5, ResourceExhausted = 8, Unimplemented = 12, Unavailable = 14;
    private static readonly float[] Tensor = InferCall.Tensor(Photo.Labels);
    private GrpcServer _server = null!;

    public async Task InitializeAsync() => _server = await GrpcServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Http_BesideGrpc_GoesOnServing()
    {
        using HttpResponseMessage response = await _server.Http.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ModelInfer_Image_GivesTheMaskOfV1(bool raw)
    {
        byte[] image = Photo.Noise(jpeg: true);
        byte[] expected =
            await (await _server.Http.PostAsync("/v1/segment/tiny?format=raw", Photo.Content(image))).Content.ReadAsByteArrayAsync();

        (int status, _, ModelInferResponse? response) = await _server.CallAsync("ModelInfer", Image(image, raw), ModelInferResponse.Parser);

        Assert.Equal(0, status);
        Assert.Equal(("tiny.image", "1", "42"), (response!.ModelName, response.ModelVersion, response.Id));
        ModelInferResponse.Types.InferOutputTensor output = Assert.Single(response.Outputs);
        Assert.Equal(("mask", "UINT8"), (output.Name, output.Datatype));
        Assert.Equal([Photo.Height, Photo.Width], output.Shape);
        Assert.Equal(expected, Assert.Single(response.RawOutputContents));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ModelInfer_Tensor_GivesWhatHttpGives(bool raw)
    {
        ModelInferRequest request = TensorRequest();
        if (raw)
        {
            request.RawInputContents.Add(ByteString.CopyFrom(InferCall.Bytes(Tensor)));
        }
        else
        {
            request.Inputs[0].Contents = new InferTensorContents { Fp32Contents = { Tensor } };
        }

        (
            int status,
            string message,
            ModelInferResponse? response) = await _server.CallAsync("ModelInfer", request, ModelInferResponse.Parser);
        using HttpResponseMessage http = await _server.Http.PostAsync("/v2/models/tiny/infer", InferCall.Content(
            $$"""{"parameters": {"binary_data_output": true}, "inputs": """ +
            $$"""[{"name": "input", "datatype": "FP32", "shape": [1, 3, {{Photo.Height}}, {{Photo.Width}}]}]}""",
            InferCall.Bytes(Tensor)));

        Assert.True(status == 0, message);
        Assert.Equal((await InferCall.ReadAsync(http)).Bytes, Assert.Single(response!.RawOutputContents));
    }

    [Fact]
    public async Task ModelInfer_LargeTensor_Passes()
    {
        const int Side = 1024;
        ModelInferRequest request = TensorRequest(Side, Side);
        float[] values = new float[3 * Side * Side]; // 12 MiB
        Array.Fill(values, 0.25f);
        request.RawInputContents.Add(UnsafeByteOperations.UnsafeWrap(InferCall.Bytes(values)));

        (
            int status,
            string message,
            ModelInferResponse? response) = await _server.CallAsync("ModelInfer", request, ModelInferResponse.Parser);

        Assert.True(status == 0, message);
        Assert.Equal([1, 3, Side / 4, Side / 4], Assert.Single(response!.Outputs).Shape);
        Assert.Equal(3 * Side * Side / 16, MemoryMarshal.Cast<byte, float>(response.RawOutputContents[0].Span).Length);
    }

    [Fact]
    public async Task ModelInfer_WrongRequests_HaveAStatusAndASentence()
    {
        byte[] tensor = InferCall.Bytes(Tensor);
        ModelInferRequest unknown = TensorRequest();
        unknown.ModelName = "absent";
        ModelInferRequest version = TensorRequest();
        version.ModelVersion = "one";
        ModelInferRequest both = TensorRequest();
        both.Inputs[0].Contents = new InferTensorContents { Fp32Contents = { Tensor } };
        ModelInferRequest notReady = TensorRequest();
        notReady.ModelName = "tiny-nan";
        ModelInferRequest sequence = TensorRequest();
        sequence.Parameters["sequence_id"] = new InferParameter { Int64Param = 3 };

        await FailsAsync(NotFound, "'absent'", unknown, tensor);
        await FailsAsync(NotFound, "'one'", version, tensor);
        await FailsAsync(InvalidArgument, "raw_input_contents", both, tensor);
        await FailsAsync(Unavailable, "NaN", notReady, tensor);
        await FailsAsync(Unimplemented, "sequence", sequence, tensor);
        await FailsAsync(InvalidArgument, "bytes", TensorRequest(), tensor[..^4]);
        await FailsAsync(InvalidArgument, "one encoded image", TensorRequest("tiny.image", "image"), tensor);
        await FailsAsync(InvalidArgument, "Expected an image", Image("not an image"u8.ToArray(), raw: true));
    }

    [Theory]
    [InlineData("", InvalidArgument)] // nothing
    [InlineData("00000000", InvalidArgument)] // half a header
    [InlineData("0000000005AA", InvalidArgument)] // half a message
    [InlineData("0000000000" + "0000000000", InvalidArgument)] // two messages; the first has no model
    [InlineData("0100000000", Unimplemented)] // compressed
    [InlineData("00FFFFFFFF", ResourceExhausted)] // 4 GiB
    [InlineData("0000000002FFFF", InvalidArgument)] // no message at all
    public async Task Frame_Broken_HasAStatus(string frame, int expected)
    {
        (int ready, _, _) = await _server.SendAsync("inference.GRPCInferenceService/ServerReady", Convert.FromHexString(frame));
        (int infer, _, _) = await _server.SendAsync("inference.GRPCInferenceService/ModelInfer", Convert.FromHexString(frame));

        Assert.Equal(expected, ready);
        Assert.Contains(infer, (int[])[expected, NotFound]);
        Assert.Equal(0, _server.Server.InFlight.Requests);
    }

    [Theory]
    [InlineData("inference.GRPCInferenceService/TraceSetting")]
    [InlineData("inference.GRPCInferenceService/SystemSharedMemoryStatus")]
    public async Task Method_ThatIsNotThere_IsUnimplemented(string method)
    {
        (int status, string message, _) = await _server.SendAsync(method, GrpcServer.Frame([]));

        Assert.Equal(Unimplemented, status);
        Assert.Contains(method, message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Message_LongerThanAllowed_IsExhaustedBeforeItIsRead()
    {
        await using GrpcServer small = await GrpcServer.StartAsync(("OpenInference:MaxMessageBytes", "4096"));

        (int status, string message, _) = await small.SendAsync(
            "inference.GRPCInferenceService/ModelInfer", GrpcServer.Frame(new byte[5000]));

        Assert.Equal(ResourceExhausted, status);
        Assert.Contains("4,096", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deadline_OfTheCall_EndsTheWait()
    {
        LoadedModel model = _server.Server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
        using GatedSession gate = new(model);

        (int status, string message, _) = await _server.CallAsync(
            "ModelInfer", Image(Photo.Png, raw: true), ModelInferResponse.Parser, ("grpc-timeout", "30m"));

        Assert.Contains(status, (int[])[DeadlineExceeded, Unavailable]); // in the network, or on a busy machine before it
        Assert.Contains("30 ms", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("5")]
    [InlineData("123456789S")]
    [InlineData("5x")]
    [InlineData("-5S")]
    public async Task Deadline_ThatIsNone_IsTheCallersFault(string timeout)
    {
        (int status, _, _) = await _server.CallAsync(
            "ModelInfer", Image(Photo.Png, raw: true), ModelInferResponse.Parser, ("grpc-timeout", timeout));

        Assert.Equal(InvalidArgument, status);
    }

    [Fact]
    public async Task ServerFull_Call_IsExhausted()
    {
        await using GrpcServer small = await GrpcServer.StartAsync(("Scheduling:MaxRequests", "1"));
        using Measurements measured = new(small.Server);
        using GatedSession gate = new(small.Server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        Task<HttpResponseMessage> first = small.Http.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        await Eventually.TrueAsync(() => small.Server.InFlight.Requests == 1);

        (int status, _, _) = await small.CallAsync("ModelInfer", Image(Photo.Png, raw: true), ModelInferResponse.Parser);

        Assert.Equal(ResourceExhausted, status);
        await measured.UntilAsync("seg_requests_total{code=429,model=tiny,route=/inference.GRPCInferenceService/ModelInfer,version=}", 1);
        await measured.UntilAsync("seg_requests_rejected_total{model=tiny,reason=queue_full}", 1);
        gate.Open();
        using HttpResponseMessage served = await first;
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
    }

    private async Task FailsAsync(int expected, string word, ModelInferRequest request, params byte[][] raw)
    {
        request.RawInputContents.Add(raw.Select(r => ByteString.CopyFrom(r)));
        (int status, string message, _) = await _server.CallAsync("ModelInfer", request, ModelInferResponse.Parser);
        Assert.Equal((expected, true), (status, message.Contains(word, StringComparison.Ordinal)));
    }

    private static ModelInferRequest TensorRequest(string model = "tiny", string input = "input") =>
        TensorRequest(Photo.Width, Photo.Height, model, input);

    private static ModelInferRequest TensorRequest(int width, int height, string model = "tiny", string input = "input") => new()
    {
        ModelName = model,
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = input, Datatype = "FP32", Shape = { 1, 3, height, width } } },
    };

    private static ModelInferRequest Image(byte[] image, bool raw)
    {
        ModelInferRequest request = new()
        {
            ModelName = "tiny.image",
            Id = "42",
            Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = "BYTES", Shape = { 1 } } },
        };
        if (raw)
        {
            request.RawInputContents.Add(ByteString.CopyFrom(InferCall.Element(image)));
        }
        else
        {
            request.Inputs[0].Contents = new InferTensorContents { BytesContents = { ByteString.CopyFrom(image) } };
        }

        return request;
    }
}
