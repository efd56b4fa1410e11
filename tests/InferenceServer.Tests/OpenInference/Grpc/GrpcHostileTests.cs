using System.Net;
using System.Text;
using Google.Protobuf;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Events;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>Malformed messages and calls, and their log lines.</summary>
public sealed class GrpcHostileTests : IAsyncLifetime
{
    private const string Infer = "inference.GRPCInferenceService/ModelInfer";
    private const int InvalidArgument = 3, DeadlineExceeded = 4, NotFound = 5, ResourceExhausted = 8, Internal = 13;
    private static readonly byte[] Model = [0x0A, 4, .. "tiny"u8];
    private GrpcServer _server = null!;

    public async Task InitializeAsync() => _server = await GrpcServer.StartAsync(("Scheduling:MaxRequests", "1"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("2A00", "inputs")]
    [InlineData("3200", "beside its tensors")]
    [InlineData("3A00", "raw_input_contents")]
    [InlineData("2200", "beside its tensors")] // parameters
    [InlineData("F87F00", "beside its tensors")] // an unknown field
    public async Task Message_OfManyEmptyFields_IsRefusedBeforeTheyAreMade(string field, string word) =>
        await RefusedAsync([.. Model, .. Repeat(Convert.FromHexString(field), 100_000)], word);

    [Theory]
    [InlineData("4200", "elements")] // empty bytes_contents
    [InlineData("08000800", "found field 1")]
    public async Task Contents_OfManySmallElements_AreRefusedBeforeTheyAreMade(string contents, string word)
    {
        ByteString many = ByteString.CopyFrom(Repeat(Convert.FromHexString(contents), 2000));
        byte[] input = [0x2A, .. Sized(many.ToByteArray())]; // field 5 of an input
        await RefusedAsync([.. Model, 0x2A, .. Sized(input)], word);
    }

    [Fact]
    public async Task Shape_OfManySides_IsRefused() =>
        await RefusedAsync([.. Model, 0x2A, .. Sized([0x1A, .. Sized(new byte[9])])], "shape");

    [Fact]
    public async Task Floats_NotPacked_AreReadAllTheSame()
    {
        float[] tensor = InferCall.Tensor(Photo.Labels);
        InferTensorContents packed = new() { Fp32Contents = { tensor } };
        byte[] loose = [.. tensor.SelectMany(v => (byte[])[0x35, .. BitConverter.GetBytes(v)])];

        byte[] expected = await OutputAsync(packed.ToByteArray());

        Assert.Equal(expected, await OutputAsync(loose));
        Assert.NotEmpty(expected);
    }

    [Fact]
    public async Task Sentence_ThatQuotesALongName_FitsIntoAHeader()
    {
        ModelReadyRequest request = new() { Name = new string('é', 2000) };

        (int status, string message, _) = await _server.SendAsync(
            "inference.GRPCInferenceService/ModelReady", GrpcServer.Frame(request.ToByteArray()));

        Assert.Equal(NotFound, status);
        Assert.InRange(message.Length, 700, 800);
    }

    [Fact]
    public async Task Message_ThatDoesNotCome_IsWaitedForUntilTheDeadline()
    {
        (int status, _, _) = await _server.SendAsync(Infer, new OpenBody([0, 0, 0, 0xFF, 0xFF]), ("grpc-timeout", "30m"));

        Assert.Equal(DeadlineExceeded, status);
    }

    [Theory]
    [InlineData("inference.GRPCInferenceService/ServerLive")]
    [InlineData("inference.GRPCInferenceService/ModelInfer")]
    [InlineData("inference.GRPCInferenceService/ModelStreamInfer")]
    [InlineData("inference.GRPCInferenceService/NoSuchMethod")]
    [InlineData("grpc.health.v1.Health/Check")]
    [InlineData("grpc.reflection.v1.ServerReflection/ServerReflectionInfo")]
    public async Task Request_ThatIsNoCall_Answers415AsHttpDoes(string path)
    {
        using StringContent content = new("{}", Encoding.UTF8, "application/json");

        using HttpResponseMessage response = await _server.Http.PostAsync(path, content);

        Assert.Contains(
            "application/grpc", await ProblemAssert.IsAsync(HttpStatusCode.UnsupportedMediaType, response),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_OfARefusedCall_HasTheStatusOfHttp()
    {
        LoadedModel model = _server.Server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
        using GatedSession gate = new(model);
        Task<HttpResponseMessage> first = _server.Http.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        await Eventually.TrueAsync(() => _server.Server.InFlight.Requests == 1);

        (int status, _, _) = await _server.SendAsync(Infer, GrpcServer.Frame(Model));

        Assert.Equal(ResourceExhausted, status);
        LogEvent line = await _server.Log.WaitForAsync("ModelInfer → 429");
        Assert.Equal("\"queue_full\"", line.Properties["Reason"].ToString());
        gate.Open();
        using HttpResponseMessage served = await first;
    }

    [Fact]
    public async Task Log_OfANetworkThatFails_SaysSo()
    {
        LoadedModel model = _server.Server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!;
        using GatedSession gate = new(model)
        {
            Ran = output =>
            {
                output.Dispose();
                throw new SegmentationException(SegmentationError.InferenceFailed, "As the test wants.");
            },
        };
        gate.Open();

        InferTensorContents contents = new() { Fp32Contents = { InferCall.Tensor(Photo.Labels) } };
        (int status, _, _) = await _server.SendAsync(Infer, GrpcServer.Frame(Message(contents.ToByteArray())));

        Assert.Equal(Internal, status);
        await _server.Log.WaitForAsync("The network failed.");
        await _server.Log.WaitForAsync("ModelInfer → 500");
    }

    [Theory]
    [InlineData(Infer)]
    [InlineData("inference.GRPCInferenceService/ModelStreamInfer")]
    [InlineData("inference.GRPCInferenceService/ServerLive")]
    [InlineData("inference.GRPCInferenceService/RepositoryIndex")]
    [InlineData("grpc.health.v1.Health/Check")]
    [InlineData("grpc.health.v1.Health/Watch")]
    public async Task Log_OfCallsThatClientsReset_HasNoError(string method)
    {
        await _server.SendAsync("inference.GRPCInferenceService/ServerMetadata", GrpcServer.Frame([]));
        await _server.Log.UntilAsync("ServerMetadata"); // the lines of the start
        for (int i = 0; i < 20; i++)
        {
            using CancellationTokenSource reset = new();
            using HttpRequestMessage request = GrpcServer.Request(method, new OpenBody([0, 0, 0, 0, 99]));
            Task<HttpResponseMessage> call = _server.Client.SendAsync(request, reset.Token);
            await Task.Delay(i);
            await reset.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }

        await Task.Delay(200); // what is logged comes a moment later
        await _server.SendAsync("inference.GRPCInferenceService/ServerMetadata", GrpcServer.Frame([]));

        IReadOnlyList<LogEvent> lines = await _server.Log.UntilAsync("ServerMetadata");
        Assert.DoesNotContain(lines, line => line.Level >= LogEventLevel.Error);
    }

    [Fact]
    public async Task Log_OfProbes_IsSilent()
    {
        foreach (string probe in (string[])[
            "grpc.health.v1.Health/Check", "inference.GRPCInferenceService/ServerLive",
            "inference.GRPCInferenceService/ServerReady"
        ])
        {
            Assert.Equal(0, (await _server.SendAsync(probe, GrpcServer.Frame([]))).Status);
        }

        await _server.SendAsync("inference.GRPCInferenceService/ServerMetadata", GrpcServer.Frame([]));

        string path = (await _server.Log.WaitForAsync("→")).Properties["Path"].ToString();
        Assert.EndsWith("ServerMetadata\"", path, StringComparison.Ordinal);
    }

    private static byte[] Repeat(byte[] bytes, int times) => [.. Enumerable.Repeat(bytes, times).SelectMany(b => b)];

    private static byte[] Sized(byte[] bytes)
    {
        using MemoryStream stream = new();
        using CodedOutputStream output = new(stream);
        output.WriteLength(bytes.Length);
        output.Flush();
        return [.. stream.ToArray(), .. bytes];
    }

    private static byte[] Message(byte[] contents)
    {
        byte[] input = new ModelInferRequest.Types.InferInputTensor
        {
            Name = "input",
            Datatype = "FP32",
            Shape = { 1, 3, Photo.Height, Photo.Width },
        }.ToByteArray();
        return [.. Model, 0x2A, .. Sized([.. input, 0x2A, .. Sized(contents)])];
    }

    private async Task<byte[]> OutputAsync(byte[] contents)
    {
        (int status, string message, byte[] body) = await _server.SendAsync(Infer, GrpcServer.Frame(Message(contents)));
        Assert.True(status == 0, message);
        return ModelInferResponse.Parser.ParseFrom(body.AsSpan(5)).RawOutputContents.Single().ToByteArray();
    }

    private async Task RefusedAsync(byte[] message, string word)
    {
        (int status, string sentence, _) = await _server.SendAsync(Infer, GrpcServer.Frame(message));

        Assert.Equal(InvalidArgument, status);
        Assert.Contains(word, sentence, StringComparison.Ordinal);
        Assert.Equal((0, 0), (_server.Server.InFlight.Requests, _server.Server.InFlight.Bytes));
    }
}
