using InferenceServer.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Tests.Hosting;

/// <summary>A server that ends by a fault of its own says so: what starts it again looks at how it ended.</summary>
public sealed class FaultTests
{
    [Fact]
    public async Task RunAndDrain_ServiceThatFails_Throws()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.AddDrain();
        builder.Services.AddHostedService<Failing>();
        WebApplication app = builder.Build();

        DivideByZeroException fault = await Assert.ThrowsAsync<DivideByZeroException>(() => Task.Run(app.RunAndDrain));

        Assert.Equal("unforeseen", fault.Message);
    }

    private sealed class Failing(IHostApplicationLifetime application) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            TaskCompletionSource started = new();
            using CancellationTokenRegistration registration = application.ApplicationStarted.Register(started.SetResult);
            await started.Task;
            throw new DivideByZeroException("unforeseen");
        }
    }
}
