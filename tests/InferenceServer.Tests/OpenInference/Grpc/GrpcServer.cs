using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using InferenceServer.Tests.Telemetry;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Core;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>A server with gRPC, and calls as they are on the wire.</summary>
internal sealed class GrpcServer : IAsyncDisposable
{
    private GrpcServer(SegmentationServer server, int port, LogLines log)
    {
        Log = log;
        Server = server;
        // The factory's own client would ask the address that was opened last, which is that of gRPC.
        Http = new HttpClient
        {
            BaseAddress =
                new Uri(server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()),
        };
        Address = $"127.0.0.1:{port}";
        Client = new HttpClient
        {
            BaseAddress = new Uri("http://" + Address),
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public SegmentationServer Server { get; }

    /// <summary>A client of its address of gRPC.</summary>
    public HttpClient Client { get; }

    /// <summary>A client of the same server over HTTP.</summary>
    public HttpClient Http { get; }

    /// <summary>Host and port of gRPC.</summary>
    public string Address { get; }

    /// <summary>Its log.</summary>
    public LogLines Log { get; }

    public static Task<GrpcServer> StartAsync(params (string Key, string Value)[] settings) => StartAsync(settings, _ => { });

    public static async Task<GrpcServer> StartAsync((string Key, string Value)[] settings, Action<IServiceCollection> more)
    {
        int port = FreePort();
        LogLines log = new();
        SegmentationServer server = new(
            [
                ("OpenInference:GrpcUrl", $"http://127.0.0.1:{port}"), ("Serilog:MinimumLevel", "Information"),
                .. settings
            ],
            services =>
            {
                services.AddSingleton<ILogEventSink>(log);
                more(services);
            });
        await server.InitializeAsync();
        return new GrpcServer(server, port, log);
    }

    /// <summary>Calls a method of the inference service.</summary>
    /// <returns>The status, its sentence, and where that is 0 the answer.</returns>
    public async Task<(int Status, string Message, TResponse? Response)> CallAsync<TResponse>(
        string method, IMessage request, MessageParser<TResponse> parser, params (string Key, string Value)[] headers)
        where TResponse : class, IMessage<TResponse>
    {
        (int status, string message, byte[] body) = await SendAsync(
            "inference.GRPCInferenceService/" + method, Frame(request.ToByteArray()), headers);
        Assert.Equal(status == 0, body.Length > 0);
        if (status != 0)
        {
            return (status, message, null);
        }

        Assert.Equal(0, body[0]);
        Assert.Equal((uint)(body.Length - 5), BinaryPrimitives.ReadUInt32BigEndian(body.AsSpan(1)));
        return (status, message, parser.ParseFrom(body.AsSpan(5)));
    }

    /// <summary>Sends any body.</summary>
    public Task<(int Status, string Message, byte[] Body)> SendAsync(
        string path, byte[] body, params (string Key, string Value)[] headers) =>
        SendAsync(path, new ByteArrayContent(body), headers);

    /// <inheritdoc cref="SendAsync(string, byte[], ValueTuple{string, string}[])"/>
    public Task<(int Status, string Message, byte[] Body)> SendAsync(
        string path, HttpContent body, params (string Key, string Value)[] headers) =>
        SendAsync(Client, path, body, headers);

    /// <summary>Sends any body to another address.</summary>
    public static async Task<(int Status, string Message, byte[] Body)> SendAsync(
        HttpClient client, string path, HttpContent body, params (string Key, string Value)[] headers)
    {
        using HttpRequestMessage request = Request(path, body, headers);
        using HttpResponseMessage response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/grpc", response.Content.Headers.ContentType?.MediaType);
        // A call that fails has its status among the headers, and nothing behind them.
        byte[] answer = response.Headers.Contains("grpc-status") ? [] : await response.Content.ReadAsByteArrayAsync();
        string status = (
            response.Headers.TryGetValues("grpc-status", out IEnumerable<string>? headersOnly)
                ? headersOnly
                : response.TrailingHeaders.GetValues("grpc-status")).Single();
        string message = response.Headers.TryGetValues("grpc-message", out IEnumerable<string>? messages)
            ? Uri.UnescapeDataString(messages.Single())
            : "";
        return (int.Parse(status, CultureInfo.InvariantCulture), message, answer);
    }

    /// <summary>A call before it is sent.</summary>
    public static HttpRequestMessage Request(string path, HttpContent body, params (string Key, string Value)[] headers)
    {
        HttpRequestMessage request = new(HttpMethod.Post, "/" + path)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = body,
        };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/grpc");
        request.Headers.TryAddWithoutValidation("te", "trailers");
        foreach ((string key, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(key, value);
        }

        return request;
    }

    /// <summary>The header of a message that has this many bytes.</summary>
    public static byte[] Announce(int length)
    {
        byte[] header = new byte[5];
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(1), length);
        return header;
    }

    /// <summary>A message with its header.</summary>
    public static byte[] Frame(byte[] message) => [.. Announce(message.Length), .. message];

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Http.Dispose();
        await Server.DisposeAsync();
    }

    /// <summary>A port without a listener.</summary>
    public static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
