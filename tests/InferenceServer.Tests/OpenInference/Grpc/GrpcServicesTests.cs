using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Grpc.Health.V1;
using Grpc.Reflection.V1;
using InferenceServer.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Status = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>The standard services of health and reflection.</summary>
public sealed class GrpcServicesTests
{
    private const int NotFound = 5, ResourceExhausted = 8, Unimplemented = 12;
    private const string Check = "grpc.health.v1.Health/Check";
    private const string Watch = "grpc.health.v1.Health/Watch";
    private const string Inference = "inference.GRPCInferenceService";

    private static readonly (string, string)[] Keys =
        [("Security:Keys:lab:Hash", "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("lab"))))];

    [Theory]
    [InlineData("tiny", Status.Serving)]
    [InlineData("tiny-nan", Status.NotServing)]
    public async Task Check_EachService_SaysWithoutAKeyWhetherItServes(string required, Status expected)
    {
        await using GrpcServer server = await GrpcServer.StartAsync([("Models:Required:0", required), .. Keys]);

        foreach (string service in (string[])["", Inference])
        {
            (int status, string message, byte[] body) = await server.SendAsync(Check, Request(service));
            Assert.True(status == 0, message);
            Assert.Equal(expected, HealthCheckResponse.Parser.ParseFrom(body.AsSpan(5)).Status);
            using Watcher watcher = await Watcher.StartAsync(server, service);
            Assert.Equal(expected, await watcher.NextAsync());
        }

        Assert.Equal(NotFound, (await server.SendAsync(Check, Request("nothing"))).Status);
        using Watcher unknown = await Watcher.StartAsync(server, "nothing");
        Assert.Equal(Status.ServiceUnknown, await unknown.NextAsync());
        Assert.Equal(Unimplemented, (await server.SendAsync("grpc.health.v1.Health/Nothing", Request(""))).Status);
    }

    [Fact]
    public async Task Watch_ServerThatDrains_TellsSoAndEndsWithIt()
    {
        await using GrpcServer server = await GrpcServer.StartAsync(("Hosting:DrainDelay", "00:00:03"));
        using Watcher watcher = await Watcher.StartAsync(server, "");
        Assert.Equal(Status.Serving, await watcher.NextAsync());

        server.Server.Services.GetRequiredService<Drain>().Signal("test", delay: true);

        Status? status;
        do
        {
            status = await watcher.NextAsync();
        }
        while (status == Status.Serving); // of the first round of checks
        Assert.Equal(Status.NotServing, status);
        Assert.Null(await watcher.NextAsync());
    }

    [Fact]
    public async Task Interrupt_UnderWatches_EndsTheServerAtOnce()
    {
        string address = $"http://127.0.0.1:{GrpcServer.FreePort()}";
        await using ServerProcess process = await ServerProcess.StartAsync(
            ("OpenInference:GrpcUrl", address), ("Hosting:ShutdownTimeout", "00:10:00"));
        using HttpClient client = new() { BaseAddress = new Uri(address) };
        using Watcher watcher = await Watcher.StartAsync(client, "");
        Assert.Equal(Status.Serving, await watcher.NextAsync());

        process.Signal(ServerProcess.Interrupt);

        Assert.Equal(0, await process.ExitAsync());
    }

    [Fact]
    public async Task Watch_MoreThanAreTaken_IsExhaustedAndPlacesComeBack()
    {
        const int Most = 1000;
        await using GrpcServer server = await GrpcServer.StartAsync();
        using SocketsHttpHandler handler = new() { EnableMultipleHttp2Connections = true };
        using HttpClient client = new(handler) { BaseAddress = server.Client.BaseAddress };
        Watcher[] watchers = await Task.WhenAll(Enumerable.Range(0, Most).Select(_ => Watcher.StartAsync(client, "")));

        (int full, string sentence, _) = await server.SendAsync(Watch, Request(""));
        (int check, _, _) = await server.SendAsync(Check, Request(""));

        Assert.Equal((ResourceExhausted, 0), (full, check));
        Assert.Contains("1,000", sentence, StringComparison.Ordinal);
        Array.ForEach(watchers, watcher => watcher.Dispose());
        await Eventually.TrueAsync(() =>
        {
            using Watcher? one = Watcher.StartAsync(server, "").GetAwaiter().GetResult();
            return one.NextAsync().GetAwaiter().GetResult() == Status.Serving;
        });
    }

    // Malformed requests are not logged as errors of the server, nor are models that are not ready.
    [Fact]
    public async Task Log_OfGarbageAndOfHealth_HasNoErrors()
    {
        string address = $"http://127.0.0.1:{GrpcServer.FreePort()}";
        await using ServerProcess process = await ServerProcess.StartAsync(("OpenInference:GrpcUrl", address));
        using HttpClient client = new() { BaseAddress = new Uri(address) };

        foreach (string method in (string[])[Check, Watch, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"])
        {
            foreach (string frame in (string[])[
                "", "00000000", "0000000005AA", "0100000000", "00FFFFFFFF", "0000000002FFFF", "00000000020A05"
            ])
            {
                (int status, _, _) = await GrpcServer.SendAsync(client, method, new ByteArrayContent(Convert.FromHexString(frame)));
                Assert.True(status != 0 || frame.Length == 0, $"{method} {frame}");
            }
        }

        process.Signal(ServerProcess.Terminate); // no longer ready, for five seconds
        Assert.Equal(0, await process.ExitAsync());
        IEnumerable<string> errors = process.Log.Split('\n').Where(line => line.Contains("\"Level\":\"Error\"", StringComparison.Ordinal));
        Assert.DoesNotContain(errors, line => !line.Contains("is unavailable", StringComparison.Ordinal)); // two of the models are
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha")]
    public async Task Reflection_WithoutAKey_DescribesEveryService(string version)
    {
        await using GrpcServer server = await GrpcServer.StartAsync(Keys);
        ServerReflectionRequest list = new() { ListServices = "" }, describe = new() { FileContainingSymbol = Inference };

        (int status, string message, byte[] body) = await server.SendAsync(
            $"grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            [.. GrpcServer.Frame(list.ToByteArray()), .. GrpcServer.Frame(describe.ToByteArray())]);

        Assert.True(status == 0, message);
        ServerReflectionResponse[] answers = [.. Messages(body).Select(m => ServerReflectionResponse.Parser.ParseFrom(m))];
        Assert.Equal(
            ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection", Inference],
            answers[0].ListServicesResponse.Service.Select(s => s.Name).Order(StringComparer.Ordinal));
        Assert.Contains(
            answers[1].FileDescriptorResponse.FileDescriptorProto,
            f => f.ToStringUtf8().Contains("ModelInfer", StringComparison.Ordinal));
    }

    private static byte[] Request(string service) => GrpcServer.Frame(new HealthCheckRequest { Service = service }.ToByteArray());

    private static IEnumerable<byte[]> Messages(byte[] body)
    {
        for (int at = 0; at < body.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(at + 1));
            yield return body[(at + 5)..(at + 5 + length)];
            at += 5 + length;
        }
    }

    /// <summary>A call of Watch.</summary>
    private sealed class Watcher(HttpResponseMessage response, Stream stream) : IDisposable
    {
        public static Task<Watcher> StartAsync(GrpcServer server, string service) => StartAsync(server.Client, service);

        public static async Task<Watcher> StartAsync(HttpClient client, string service)
        {
            using HttpRequestMessage request = GrpcServer.Request(Watch, new ByteArrayContent(Request(service)));
            HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            return new Watcher(response, await response.Content.ReadAsStreamAsync());
        }

        /// <summary>The next status; null at the end.</summary>
        public async Task<Status?> NextAsync()
        {
            byte[] header = new byte[5];
            if (await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false) < header.Length)
            {
                return null;
            }

            byte[] message = new byte[BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1))];
            await stream.ReadExactlyAsync(message);
            return HealthCheckResponse.Parser.ParseFrom(message).Status;
        }

        public void Dispose() => response.Dispose();
    }
}
