using System.Net;
using System.Net.Sockets;
using System.Text;
using InferenceServer.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Tests.Hosting;

/// <summary>The way out, with the real program and real signals.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task Terminate_UnderLoad_DrainsAndFailsNoRequest()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(("Hosting:DrainDelay", "00:00:01"));
        using HttpClient client = new() { BaseAddress = server.Address };
        using CancellationTokenSource done = new();
        Task<int>[] clients = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() => AskAsync(client, done.Token)))];

        server.Signal(ServerProcess.Terminate);

        HttpResponseMessage? draining = null;
        await ServerProcess.UntilAsync(async () =>
            (draining = await client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.ServiceUnavailable);
        using (draining)
        {
            Assert.Contains(
                "draining", await ProblemAssert.IsAsync(HttpStatusCode.ServiceUnavailable, draining!),
                StringComparison.Ordinal);
        }

        using HttpResponseMessage live = await client.GetAsync("/health/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.True(live.Headers.ConnectionClose); // so that no client keeps a connection beyond the end
        using HttpResponseMessage served = await client.PostAsync("/v1/segment/tiny", Photo.Content(Photo.Png));
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);

        // Balancers have noticed by now and send no more.
        await done.CancelAsync();
        Assert.All(await Task.WhenAll(clients), answered => Assert.True(answered > 0));
        Assert.Equal(0, await server.ExitAsync());
    }

    [Fact]
    public async Task Terminate_RequestUnderWay_IsFinished()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(("Hosting:DrainDelay", "00:00:00"));
        using HalfARequest request = await HalfARequest.SendAsync(server.Address);

        server.Signal(ServerProcess.Terminate);
        await ServerProcess.UntilAsync(() => RefusesAsync(server.Address));

        Assert.StartsWith("HTTP/1.1 200", await request.FinishAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await server.ExitAsync());
    }

    [Fact]
    public async Task Terminate_Twice_CutsTheDrainShort()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(
            ("Hosting:DrainDelay", "01:00:00"), ("Hosting:ShutdownTimeout", "01:00:00"));
        using HttpClient client = new() { BaseAddress = server.Address };
        using HalfARequest request = await HalfARequest.SendAsync(server.Address);
        server.Signal(ServerProcess.Terminate);
        await ServerProcess.UntilAsync(async () =>
            (await client.GetAsync("/health/ready")).StatusCode == HttpStatusCode.ServiceUnavailable);

        server.Signal(ServerProcess.Terminate);

        Assert.Equal(0, await server.ExitAsync());
    }

    [Fact]
    public async Task Terminate_RequestThatNeverEnds_IsCutOffAtTheTimeout()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(
            ("Hosting:DrainDelay", "00:00:00"), ("Hosting:ShutdownTimeout", "00:00:01"));
        using HalfARequest request = await HalfARequest.SendAsync(server.Address);

        server.Signal(ServerProcess.Terminate);

        Assert.Equal(0, await server.ExitAsync());
    }

    [Fact]
    public async Task Interrupt_AtATerminal_DoesNotWaitForBalancers()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(("Hosting:DrainDelay", "01:00:00"));

        server.Signal(ServerProcess.Interrupt);

        Assert.Equal(0, await server.ExitAsync());
    }

    [Fact]
    public void RunAndDrain_SignalDuringTheStart_EndsWithoutAnError()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.AddDrain();
        builder.Services.AddHostedService<SignalledStart>();

        builder.Build().RunAndDrain();
    }

    private static async Task<int> AskAsync(HttpClient client, CancellationToken done)
    {
        int answered = 0;
        while (!done.IsCancellationRequested)
        {
            using HttpResponseMessage response = await client.PostAsync(
                "/v1/segment/tiny", Photo.Content(Photo.Png), CancellationToken.None);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            answered++;
        }

        return answered;
    }

    private static async Task<bool> RefusesAsync(Uri address)
    {
        using TcpClient client = new();
        try
        {
            await client.ConnectAsync(address.Host, address.Port);
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    /// <summary>A start in the middle of which the signal comes.</summary>
    private sealed class SignalledStart(Drain drain) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken)
        {
            drain.Signal("SIGINT", delay: false);
            return Task.FromCanceled(cancellationToken);
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    /// <summary>A request whose body is still on its way.</summary>
    private sealed class HalfARequest(TcpClient client) : IDisposable
    {
        private static readonly byte[] Body = Photo.Png;

        public static async Task<HalfARequest> SendAsync(Uri address)
        {
            TcpClient client = new();
            await client.ConnectAsync(address.Host, address.Port);
            // The server asks for the body once it has begun with the request.
            string head =
                "POST /v1/segment/tiny HTTP/1.1\r\nHost: test\r\nContent-Type: image/png\r\nContent-Length: " +
                $"{Body.Length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
            byte[] answer = new byte[25];
            await client.GetStream().ReadExactlyAsync(answer);
            Assert.StartsWith("HTTP/1.1 100", Encoding.ASCII.GetString(answer), StringComparison.Ordinal);
            await client.GetStream().WriteAsync(Body.AsMemory(0, Body.Length / 2));
            return new HalfARequest(client);
        }

        public async Task<string> FinishAsync()
        {
            await client.GetStream().WriteAsync(Body.AsMemory(Body.Length / 2));
            using StreamReader reader = new(client.GetStream(), Encoding.Latin1);
            return await reader.ReadToEndAsync();
        }

        public void Dispose() => client.Dispose();
    }
}
