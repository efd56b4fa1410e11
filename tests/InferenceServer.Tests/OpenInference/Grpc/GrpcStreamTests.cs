using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using InferenceServer.Hosting;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime.Models;
using InferenceServer.Tests.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Serilog.Events;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>ModelStreamInfer: each of its messages is a call of ModelInfer.</summary>
public sealed class GrpcStreamTests
{
    private const int InvalidArgument = 3, DeadlineExceeded = 4, NotFound = 5, ResourceExhausted = 8, Unimplemented = 12;
    private const int Unavailable = 14, Unauthenticated = 16;
    private const string Route = "/" + StreamCall.Method;
    private const string Final = "triton_final_response";

    [Fact]
    public async Task Messages_SentTogether_GetTheAnswersOfModelInferInTheirOrder()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using Measurements measured = new(server.Server);
        ModelInferRequest[] requests =
        [
            Image("noise", Photo.Noise(jpeg: true)), Tensor("tensor"), Image("png", Photo.Png), Tensor("again"),
            Image("plain", Photo.Plain(300, 200)),
        ];
        using StreamCall stream = new(server.Client);
        Array.ForEach(requests, stream.Send);
        stream.End();

        foreach (ModelInferRequest request in requests)
        {
            ModelStreamInferResponse answer = (await stream.NextAsync())!;
            Assert.Equal(("", request.Id), (answer.ErrorMessage, answer.InferResponse.Id));
            Assert.True(answer.InferResponse.Parameters[Final].BoolParam);
            answer.InferResponse.Parameters.Clear();
            (int status, _, ModelInferResponse? alone) = await server.CallAsync("ModelInfer", request, ModelInferResponse.Parser);
            Assert.Equal(0, status);
            Assert.Equal(alone, answer.InferResponse);
            Assert.NotEmpty(Assert.Single(alone!.RawOutputContents));
        }

        Assert.Equal((0, ""), await stream.StatusAsync());
        await measured.UntilAsync($"seg_requests_total{{code=200,model=tiny,route={Route},version=1}}", requests.Length);
        await Eventually.TrueAsync(() => server.Server.InFlight is { Requests: 0, Readers: 0, Bytes: 0, Pixels: 0, AnswerBytes: 0 });
    }

    [Fact]
    public async Task Message_ThatFails_HasTheSentenceOfModelInferAndTheStreamGoesOn()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using Measurements measured = new(server.Server);
        ModelInferRequest unknown = Image("unknown", Photo.Png), version = Image("version", Photo.Png), sequence = Tensor("sequence");
        ModelInferRequest late = Image("late", Photo.Png);
        unknown.ModelName = "absent";
        version.ModelVersion = "one";
        sequence.Parameters["sequence_id"] = new InferParameter { Int64Param = 3 };
        late.Parameters["timeout"] = new InferParameter { Int64Param = 1 }; // a microsecond
        (ModelInferRequest Request, int Status)[] failing =
        [
            (unknown, NotFound), (version, NotFound), (sequence, Unimplemented),
            (Image("none", "not an image"u8.ToArray()), InvalidArgument), (new ModelInferRequest(), NotFound),
        ];
        using StreamCall stream = new(server.Client);

        foreach ((ModelInferRequest request, int expected) in failing)
        {
            (int status, string message, _) = await server.CallAsync("ModelInfer", request, ModelInferResponse.Parser);
            ModelStreamInferResponse answer = (await stream.AskAsync(request))!;
            Assert.Equal((expected, message, request.Id), (status, answer.ErrorMessage, answer.InferResponse.Id));
            Assert.Equal((request.ModelName, request.ModelVersion), (answer.InferResponse.ModelName, answer.InferResponse.ModelVersion));
            Assert.True(answer.InferResponse.Parameters[Final].BoolParam);
            Assert.Empty(answer.InferResponse.RawOutputContents);
            Assert.Equal("", (await stream.AskAsync(Image("good", Photo.Png)))!.ErrorMessage);
        }

        Assert.Contains("timeout of 0.001 ms", (await stream.AskAsync(late))!.ErrorMessage, StringComparison.Ordinal);
        Assert.StartsWith(
            "Expected the name of a model, got none; use one of: tiny", (await stream.AskAsync(new ModelInferRequest()))!.ErrorMessage,
            StringComparison.Ordinal);
        stream.SendBytes(GrpcServer.Frame([0xFF, 0xFF]));
        Assert.Contains("name of a model, got none", (await stream.NextAsync())!.ErrorMessage, StringComparison.Ordinal);
        stream.SendBytes(GrpcServer.Frame([0x0A, 4, .. "tiny"u8, 0x2A, 0x7F]));
        Assert.Contains("cannot be parsed", (await stream.NextAsync())!.ErrorMessage, StringComparison.Ordinal);
        stream.End();
        Assert.Equal((0, ""), await stream.StatusAsync());
        await measured.UntilAsync($"seg_requests_total{{code=200,model=tiny,route={Route},version=1}}", failing.Length);
        await measured.UntilAsync($"seg_requests_total{{code=415,model=tiny,route={Route},version=1}}", 1);
        await measured.UntilAsync($"seg_requests_total{{code=501,model=tiny,route={Route},version=1}}", 1);
        LogEvent line = await server.Log.WaitForAsync("ModelStreamInfer →");
        Assert.Equal("200", line.Properties["Status"].ToString());
    }

    [Fact]
    public async Task ServerFull_Message_IsRefusedWithoutItsTensorAndTheNextOneServed()
    {
        await using GrpcServer server = await GrpcServer.StartAsync(("Scheduling:MaxRequests", "1"));
        using Measurements measured = new(server.Server);
        using GatedSession gate = new(server.Server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        Task<HttpResponseMessage> first = server.Http.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        await Eventually.TrueAsync(() => server.Server.InFlight.Requests == 1);
        using StreamCall stream = new(server.Client);
        float[] values = new float[3 * 512 * 512]; // 3 MB, of which the server keeps nothing

        ModelStreamInferResponse refused = (await stream.AskAsync(Tensor("large", 512, 512, values)))!;

        Assert.Contains("Retry", refused.ErrorMessage, StringComparison.Ordinal);
        Assert.Equal("large", refused.InferResponse.Id);
        await measured.UntilAsync($"seg_requests_total{{code=429,model=tiny,route={Route},version=}}", 1);
        await measured.UntilAsync("seg_requests_rejected_total{model=tiny,reason=queue_full}", 1);
        Assert.Equal((1, 0), (server.Server.InFlight.Requests, server.Server.InFlight.Readers));
        gate.Open();
        using HttpResponseMessage served = await first;
        await Eventually.TrueAsync(() => server.Server.InFlight.Requests == 0);
        Assert.Equal("", (await stream.AskAsync(Tensor("large", 512, 512, values)))!.ErrorMessage);
    }

    [Fact]
    public async Task Key_EachMessage_CountsAgainstItsBudget()
    {
        await using GrpcServer server = await GrpcServer.StartAsync(
            ("Security:Keys:lab:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("lab")))),
            ("Security:Keys:lab:RequestsPerDay", "2"));
        using StreamCall nobody = new(server.Client), lab = new(server.Client, ("x-api-key", "lab"));

        Assert.Equal(Unauthenticated, (await nobody.StatusAsync()).Status);
        Assert.Equal("", (await lab.AskAsync(Image("1", Photo.Png)))!.ErrorMessage);
        Assert.Equal("", (await lab.AskAsync(Image("2", Photo.Png)))!.ErrorMessage);
        Assert.Contains("2 requests a day", (await lab.AskAsync(Image("3", Photo.Png)))!.ErrorMessage, StringComparison.Ordinal);
        lab.End();
        Assert.Equal(0, (await lab.StatusAsync()).Status);
        using StreamCall spent = new(server.Client, ("x-api-key", "lab"));
        Assert.Equal(ResourceExhausted, (await spent.StatusAsync()).Status);
    }

    [Theory]
    [InlineData("0100000000", Unimplemented, "without compression")]
    [InlineData("00FFFFFFFF", ResourceExhausted, "at most")]
    [InlineData("0000000005AA", InvalidArgument, "whole message")]
    [InlineData("0000", InvalidArgument, "whole message")]
    public async Task Frame_WhoseEndIsNotKnown_EndsTheStreamAfterTheAnswersBefore(string frame, int expected, string words)
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using StreamCall stream = new(server.Client), another = new(server.Client);
        stream.Send(Image("good", Photo.Png));
        stream.SendBytes(Convert.FromHexString(frame));
        another.SendBytes(Convert.FromHexString(frame));
        stream.End();
        another.End();

        Assert.Equal("good", (await stream.NextAsync())!.InferResponse.Id);
        (int status, string message) = await stream.StatusAsync();

        Assert.Equal((expected, message), (status, (await another.StatusAsync()).Message));
        Assert.Contains(words, message, StringComparison.Ordinal);
        Assert.Equal(0, server.Server.InFlight.Requests);
    }

    [Fact]
    public async Task Message_ThatStops_EndsTheStreamAndHoldsNothing()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        byte[] whole = GrpcServer.Frame(Tensor("large", 512, 512, new float[3 * 512 * 512]).ToByteArray());
        using StreamCall head = new(server.Client), tensor = new(server.Client, ("X-Request-Timeout-Ms", "300"));
        head.SendBytes(whole[..100]);
        tensor.SendBytes(whole[..100_000]);

        Assert.Equal(DeadlineExceeded, (await head.StatusAsync()).Status);
        Assert.Contains((await tensor.StatusAsync()).Status, (int[])[DeadlineExceeded, Unavailable]);
        await Eventually.TrueAsync(() => server.Server.InFlight is { Readers: 0, Bytes: 0 });
    }

    [Fact]
    public async Task Deadline_OfTheCall_EndsTheWholeStream()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using StreamCall idle = new(server.Client, ("grpc-timeout", "50m")), wrong = new(server.Client, ("grpc-timeout", "soon"));

        (int status, string message) = await idle.StatusAsync();

        Assert.Equal(DeadlineExceeded, status);
        Assert.Contains("deadline", message, StringComparison.Ordinal);
        Assert.Equal(InvalidArgument, (await wrong.StatusAsync()).Status);
    }

    [Fact]
    public async Task Pause_OfTenMinutes_EndsTheStream()
    {
        FakeTimeProvider clock = new();
        await using GrpcServer server = await GrpcServer.StartAsync([], services => services.AddSingleton<TimeProvider>(clock));
        using StreamCall stream = new(server.Client);
        Assert.Equal("", (await stream.AskAsync(Image("1", Photo.Png)))!.ErrorMessage);
        clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal("", (await stream.AskAsync(Image("2", Photo.Png)))!.ErrorMessage);

        Task<(int Status, string Message)> end = stream.StatusAsync();
        await Eventually.TrueAsync(() =>
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            return end.IsCompleted;
        });

        Assert.Equal(DeadlineExceeded, (await end).Status);
        Assert.Contains("10 minutes", (await end).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClientThatReadsNothing_LosesItsStreamAndHoldsNothing()
    {
        FakeTimeProvider clock = new();
        await using GrpcServer server = await GrpcServer.StartAsync([], services => services.AddSingleton<TimeProvider>(clock));
        using StreamCall stream = new(server.Client);
        for (int i = 0; i < 3; i++)
        {
            stream.Send(Tensor($"{i}", 1024, 1024, new float[3 * 1024 * 1024])); // an answer of 786 kB
        }

        await Eventually.TrueAsync(() => server.Server.InFlight is { Requests: 0, AnswerBytes: > 700_000 });
        await Eventually.TrueAsync(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(10));
            return server.Server.InFlight is { Requests: 0, Readers: 0, Bytes: 0, AnswerBytes: 0 };
        });

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            while (await stream.NextAsync() is not null)
            {
                // What the client's own buffers hold.
            }
        });
    }

    [Fact]
    public async Task StrictClient_FirstError_EndsTheStreamWithItsStatus()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using Measurements measured = new(server.Server);
        using StreamCall stream = new(server.Client, ("triton_grpc_error", "true"));
        ModelInferRequest unknown = Image("2", Photo.Png);
        unknown.ModelName = "absent";

        Assert.Equal("1", (await stream.AskAsync(Image("1", Photo.Png)))!.InferResponse.Id);
        stream.Send(unknown);

        (int status, string message) = await stream.StatusAsync();
        Assert.Equal(NotFound, status);
        Assert.Contains("'absent'", message, StringComparison.Ordinal);
        await measured.UntilAsync($"seg_requests_total{{code=404,model=none,route={Route},version=}}", 1);
        Assert.Equal("404", (await server.Log.WaitForAsync("ModelStreamInfer →")).Properties["Status"].ToString());
    }

    [Fact]
    public async Task Streams_MoreThanAreTaken_AreRefusedAndPlacesComeBack()
    {
        const int Most = 1000;
        await using GrpcServer server = await GrpcServer.StartAsync();
        using SocketsHttpHandler handler = new() { EnableMultipleHttp2Connections = true };
        using HttpClient client = new(handler) { BaseAddress = server.Client.BaseAddress };
        StreamCall[] streams = [.. Enumerable.Range(0, Most).Select(_ => new StreamCall(client))];
        await Task.WhenAll(streams.Select(stream => stream.AskAsync(new ModelInferRequest())));

        using (StreamCall full = new(client))
        {
            (int status, string message) = await full.StatusAsync();
            Assert.Equal(ResourceExhausted, status);
            Assert.Contains("1,000", message, StringComparison.Ordinal);
        }

        Array.ForEach(streams, stream => stream.Dispose());
        await Eventually.TrueAsync(() =>
        {
            using StreamCall one = new(client);
            one.End();
            return one.StatusAsync().GetAwaiter().GetResult().Status == 0;
        });
    }

    [Fact]
    public async Task ServerThatStops_FinishesTheMessageAndEndsTheStream()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using GatedSession gate = new(server.Server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        using StreamCall idle = new(server.Client), busy = new(server.Client);
        Assert.NotNull(await idle.AskAsync(new ModelInferRequest()));
        busy.Send(Image("1", Photo.Png));
        await Eventually.TrueAsync(() => server.Server.InFlight.Requests == 1);

        server.Server.Services.GetRequiredService<Drain>().Signal("test", delay: false);

        Assert.Equal(Unavailable, (await idle.StatusAsync()).Status);
        gate.Open();
        Assert.Equal("1", (await busy.NextAsync())!.InferResponse.Id);
        Assert.Equal(Unavailable, (await busy.StatusAsync()).Status);
    }

    [Fact]
    public async Task ClientThatResets_DuringItsMessage_FreesThePlace()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        using Measurements measured = new(server.Server);
        using GatedSession gate = new(server.Server.Services.GetRequiredService<ModelRepository>().Entry("tiny").Model!);
        using (StreamCall stream = new(server.Client))
        {
            stream.Send(Image("1", Photo.Png));
            await Eventually.TrueAsync(() => server.Server.InFlight.Requests == 1);
        }

        await Eventually.TrueAsync(() => server.Server.InFlight is { Requests: 0, Bytes: 0, Pixels: 0 });
        await measured.UntilAsync($"seg_requests_total{{code=499,model=tiny,route={Route},version=1}}", 1);
    }

    private static ModelInferRequest Image(string id, byte[] image) => new()
    {
        ModelName = "tiny.image",
        Id = id,
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = "BYTES", Shape = { 1 } } },
        RawInputContents = { ByteString.CopyFrom(InferCall.Element(image)) },
    };

    private static ModelInferRequest Tensor(string id) => Tensor(id, Photo.Width, Photo.Height, InferCall.Tensor(Photo.Labels));

    private static ModelInferRequest Tensor(string id, int width, int height, float[] values) => new()
    {
        ModelName = "tiny",
        Id = id,
        Inputs = { new ModelInferRequest.Types.InferInputTensor { Name = "input", Datatype = "FP32", Shape = { 1, 3, height, width } } },
        RawInputContents = { ByteString.CopyFrom(InferCall.Bytes(values)) },
    };
}
