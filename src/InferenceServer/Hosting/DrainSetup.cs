using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Hosting;

/// <summary>Wires the way out into the host and runs the server to its end.</summary>
internal static class DrainSetup
{
    public static void AddDrain(this WebApplicationBuilder builder)
    {
        builder.Services.AddSection("Hosting", new HostingOptionsValidator());
        builder.Services.AddOptions<HostOptions>().Configure<IOptions<HostingOptions>>((host, hosting) => host.ShutdownTimeout = hosting.Value.ShutdownTimeout);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Drain>();
        builder.Services.AddSingleton<IHostLifetime, DrainLifetime>();
    }

    /// <summary>Closes each connection after its answer once the server is on its way out: a client that kept it open would otherwise lose a request on it at the end.</summary>
    public static void UseDrain(this WebApplication app)
    {
        Drain drain = app.Services.GetRequiredService<Drain>();
        app.Use((http, next) =>
        {
            if (drain.HasBegun && HttpProtocol.IsHttp11(http.Request.Protocol))
            {
                http.Response.OnStarting(static response =>
                {
                    ((HttpResponse)response).Headers[HeaderNames.Connection] = "close";
                    return Task.CompletedTask;
                }, http.Response);
            }

            return next(http);
        });
    }

    /// <summary>Serves until a signal and the way out that follows it.</summary>
    public static void RunAndDrain(this WebApplication app) => RunAsync(app).GetAwaiter().GetResult();

    private static async Task RunAsync(WebApplication app)
    {
        await using (app)
        {
            app.Services.GetRequiredService<IStartupValidator>().Validate(); // while there is nothing to stop yet
            try
            {
                await app.StartAsync();
            }
            catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
            {
                // The signal came before the start was through: what has begun ends as it always does.
            }
            catch
            {
                await app.StopAsync(CancellationToken.None); // what has begun ends before what it uses is disposed, or it would fail in the log
                throw;
            }

            TaskCompletionSource stopping = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await using CancellationTokenRegistration registration = app.Lifetime.ApplicationStopping.Register(stopping.SetResult);
            await stopping.Task;
            Drain drain = app.Services.GetRequiredService<Drain>();
            try
            {
                await app.StopAsync(drain.Cut);
            }
            catch (OperationCanceledException)
            {
                // Out of patience, or told to be: what was under way is cut off, which is what was asked for.
            }

            await ThrowIfFaultedAsync(app.Services);
        }
    }

    // The host stops when a service of its own fails, and tells nobody but the log: an end that looks planned is one that no supervisor mends.
    private static async Task ThrowIfFaultedAsync(IServiceProvider services)
    {
        foreach (BackgroundService service in services.GetServices<IHostedService>().OfType<BackgroundService>())
        {
            if (service.ExecuteTask is { IsFaulted: true } failed)
            {
                await failed;
            }
        }
    }
}
