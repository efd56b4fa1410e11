using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Tests.Hosting;

/// <summary>Metrics and changes on a port of their own.</summary>
public sealed class ManagementAddressTests : IAsyncLifetime
{
    private readonly int _port = FreePort();
    private ServerProcess _server = null!;

    public async Task InitializeAsync() => _server = await ServerProcess.StartAsync(("Hosting:ManagementUrl", $"http://127.0.0.1:{_port}"));

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("GET", "/metrics", HttpStatusCode.NotFound, HttpStatusCode.OK)]
    [InlineData("POST", "/v1/models/tiny/load", HttpStatusCode.NotFound, HttpStatusCode.Forbidden)]
    [InlineData("GET", "/v1/models", HttpStatusCode.OK, HttpStatusCode.NotFound)]
    [InlineData("GET", "/swagger/index.html", HttpStatusCode.OK, HttpStatusCode.NotFound)]
    [InlineData("GET", "/health/ready", HttpStatusCode.OK, HttpStatusCode.OK)]
    public async Task Route_OnEachPort_IsThereOrNot(string method, string path, HttpStatusCode open, HttpStatusCode management)
    {
        using HttpClient clients = new() { BaseAddress = _server.Address };
        using HttpClient operators = new() { BaseAddress = new Uri($"http://127.0.0.1:{_port}") };
        // The server ignores the forged Host header.
        using HttpRequestMessage toClients = new(new HttpMethod(method), path) { Headers = { Host = $"127.0.0.1:{_port}" } };
        using HttpRequestMessage toOperators = new(new HttpMethod(method), path);

        using HttpResponseMessage first = await clients.SendAsync(toClients);
        using HttpResponseMessage second = await operators.SendAsync(toOperators);

        Assert.Equal((open, management), (first.StatusCode, second.StatusCode));
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
