using System.Net.Sockets;
using InferenceServer.Health;
using InferenceServer.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Tests.Hosting;

/// <summary>A server at a Unix socket.</summary>
public sealed class UnixSocketTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    private string Path => System.IO.Path.Combine(_folder, "server.sock");

    private string Url => "http://unix:" + Path;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task RemoveStaleSockets_NobodyListens_LetsTheServerStart()
    {
        LeaveBehind();
        await using WebApplication app = Build();

        app.RemoveStaleSockets();

        await app.StartAsync();
        Assert.Equal(0, await HealthCommand.RunAsync([], Url, null));
    }

    [Fact]
    public async Task RemoveStaleSockets_AnotherServerListens_IsLeftAlone()
    {
        await using WebApplication first = Build();
        await first.StartAsync();
        await using WebApplication second = Build();

        StartUpException e = Assert.Throws<StartUpException>(second.RemoveStaleSockets);

        Assert.Contains("another process listens there", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, await HealthCommand.RunAsync(["live"], Url, null));
    }

    [Fact]
    public async Task RemoveStaleSockets_FileAtThePath_IsLeftAlone()
    {
        File.WriteAllText(Path, "precious");
        await using WebApplication app = Build();

        app.RemoveStaleSockets();

        Assert.Equal("precious", File.ReadAllText(Path));
    }

    [Fact]
    public async Task Health_NobodyListensAtTheSocket_Fails()
    {
        LeaveBehind();
        Assert.Equal(1, await HealthCommand.RunAsync([], Url, null));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("http://*:8080", null)]
    [InlineData("https://*:443;http://unix:/run/a.sock", "/run/a.sock")]
    [InlineData("http://127.0.0.1:80;http://unix:/run/a.sock", null)]
    public void SocketPath_OfTheFirstAddress_IsThePathOrNull(string? urls, string? expected) =>
        Assert.Equal(expected, HealthCommand.SocketPath(urls));

    // As a killed process does: closing removes the name that the socket was bound to.
    private void LeaveBehind()
    {
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Path + "-bound"));
        File.Move(Path + "-bound", Path);
    }

    private WebApplication Build()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls(Url);
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        app.MapGet("/health/{kind}", (string kind) => kind);
        return app;
    }
}
