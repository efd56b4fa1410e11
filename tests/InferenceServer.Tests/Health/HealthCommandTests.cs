using System.Net;
using System.Net.Sockets;
using InferenceServer.Health;

namespace InferenceServer.Tests.Health;

public sealed class HealthCommandTests
{
    [Theory]
    [InlineData(null, null, "http://127.0.0.1:8080/")]
    [InlineData(null, "9000", "http://127.0.0.1:9000/")]
    [InlineData(null, "9000;9001", "http://127.0.0.1:9000/")]
    [InlineData("http://*:81", "9000", "http://127.0.0.1:81/")] // urls win, as they do in the server
    [InlineData("https://*:443;http://127.0.0.1:82", null, "http://127.0.0.1:82/")]
    [InlineData("http://localhost:84", null, "http://127.0.0.1:84/")]
    [InlineData("http://[::]:83", null, "http://127.0.0.1:83/")]
    public void Address_OfWhatIsConfigured_CanBeReached(string? urls, string? ports, string expected) =>
        Assert.Equal(expected, HealthCommand.Address(urls, ports).ToString());

    [Fact]
    public async Task Run_NobodyListens_Fails()
    {
        // Bound, not listening: no other process gets the port meanwhile.
        using TcpListener held = new(IPAddress.Loopback, 0);
        held.Server.Bind(held.LocalEndpoint);

        Assert.Equal(1, await HealthCommand.RunAsync([], $"http://127.0.0.1:{((IPEndPoint)held.LocalEndpoint).Port}", null));
    }

    [Fact]
    public async Task Run_OtherWord_IsWrongUsage() => Assert.Equal(2, await HealthCommand.RunAsync(["well"], null, null));
}
