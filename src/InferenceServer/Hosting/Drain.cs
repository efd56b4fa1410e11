using System.Runtime.InteropServices;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Hosting;

/// <summary>The shutdown: from serving over draining (not ready, still serving) and stopping (no new connections) to
/// the end.</summary>
internal sealed class Drain(
    IOptions<HostingOptions> options,
    IHostApplicationLifetime application,
    TimeProvider time,
    ILogger<Drain> logger) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _cut = new();
    private ITimer? _delay;
    private volatile bool _hasBegun;

    /// <summary>Whether the server is shutting down; it is then not ready, and closes each connection after the
    /// response.</summary>
    public bool HasBegun => _hasBegun;

    /// <summary>Cancelled when the server stops waiting for current requests.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Handles a signal: the first starts the shutdown, a second shortens it.</summary>
    /// <param name="signal">Its name, for the log.</param>
    /// <param name="delay">Whether load balancers need time to notice; false for a person at a terminal.</param>
    public void Signal(string signal, bool delay)
    {
        lock (_lock)
        {
            if (_hasBegun)
            {
                Log.CutShort(logger, signal);
                application.StopApplication();
                _cut.Cancel();
                return;
            }

            _hasBegun = true;
            TimeSpan wait = delay ? options.Value.DrainDelay : TimeSpan.Zero;
            Log.Draining(logger, signal, wait.TotalSeconds);
            if (wait > TimeSpan.Zero)
            {
                _delay = time.CreateTimer(_ => application.StopApplication(), null, wait, Timeout.InfiniteTimeSpan);
                return;
            }
        }

        application.StopApplication();
    }

    /// <summary>Handles SIGHUP, which asks other servers to read their files again.</summary>
    public void HangUp() => Log.HangUp(logger);

    public void Dispose()
    {
        _delay?.Dispose();
        _cut.Dispose();
    }
}

/// <summary>Starts the shutdown on the system's signals; the framework's own lifetime would stop listening at the
/// first signal.</summary>
internal sealed class DrainLifetime(Drain drain) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _signals = [];

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        Handle(PosixSignal.SIGTERM, delay: true); // on Windows the machine shuts down or the user logs off
        Handle(PosixSignal.SIGINT, delay: false);
        Handle(PosixSignal.SIGQUIT, delay: false); // on Windows Ctrl+Break
        if (!OperatingSystem.IsWindows())
        {
            _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true; // else the process ends here and now
                drain.HangUp();
            }));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _signals.ForEach(s => s.Dispose());

    private void Handle(PosixSignal signal, bool delay) => _signals.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true; // else the process ends here and now
        if (OperatingSystem.IsWindows() && signal == PosixSignal.SIGTERM)
        {
            // Windows ends the process when this handler returns, and a registration cannot be disposed while its handler runs.
            _signals.Clear();
            drain.Signal(signal.ToString(), delay);
            Thread.Sleep(Timeout.Infinite);
        }

        drain.Signal(signal.ToString(), delay);
    }));
}

/// <summary>Adds the shutdown to the host and runs the server to its end.</summary>
internal static class DrainSetup
{
    public static void AddDrain(this WebApplicationBuilder builder)
    {
        builder.Services.AddSection("Hosting", new HostingOptionsValidator());
        builder.Services.AddOptions<HostOptions>()
            .Configure<IOptions<HostingOptions>>((host, hosting) =>
                host.ShutdownTimeout = hosting.Value.ShutdownTimeout);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<Drain>();
        builder.Services.AddSingleton<IHostLifetime, DrainLifetime>();
        builder.Services.AddSingleton<TemporaryFolder>();
        builder.Services.AddHostedService(services => services.GetRequiredService<TemporaryFolder>());
    }

    /// <summary>Closes each connection after its response during the shutdown: a client that keeps a connection open
    /// would otherwise lose a request at the end.</summary>
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

    /// <summary>Serves until a signal and the end of the shutdown. Where work is left behind, the process ends
    /// here.</summary>
    public static void RunAndDrain(this WebApplication app)
    {
        bool leavesWork = RunAsync(app).GetAwaiter().GetResult();
        if (leavesWork && !OperatingSystem.IsWindows())
        {
            // A thread may be within ONNX Runtime or libvips, whose destructors would run under it and crash the process. Windows
            // ends all other threads first.
            EndProcess(Environment.ExitCode);
        }
    }

    // Without destructors of native libraries.
    [DllImport("libc", EntryPoint = "_exit")]
    private static extern void EndProcess(int exitCode);

    // The result: whether requests or loads are left behind.
    private static async Task<bool> RunAsync(WebApplication app)
    {
        bool leavesWork = false;
        await using (app)
        {
            app.Services.GetRequiredService<IStartupValidator>().Validate(); // before any service has started
            if (TemporaryFolder.Try(Path.GetTempPath(), out _) is { } problem)
            {
                throw new StartUpException(problem);
            }

            app.RemoveStaleSockets();
            try
            {
                await app.StartAsync();
            }
            catch (OperationCanceledException) when (app.Lifetime.ApplicationStopping.IsCancellationRequested)
            {
                // The signal came during the start: started services stop in the usual way.
            }
            catch
            {
                // Started services stop before their dependencies are disposed; otherwise they would log errors.
                await app.StopAsync(CancellationToken.None);
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
                // The drain timed out, or a second signal ended the drain: the remaining requests are cut off.
            }

            leavesWork = app.Services.GetService<InFlightLimits>() is { Requests: > 0 }
                || BackgroundServices(app.Services).Any(service => service.ExecuteTask is { IsCompleted: false });
            await ThrowIfFaultedAsync(app.Services);
        }

        return leavesWork;
    }

    // The host stops when one of its services fails, and only logs the failure: without an exception, the exit code would
    // look like a planned stop, and no supervisor would restart the server.
    private static async Task ThrowIfFaultedAsync(IServiceProvider services)
    {
        foreach (BackgroundService service in BackgroundServices(services))
        {
            if (service.ExecuteTask is { IsFaulted: true } failed)
            {
                await failed;
            }
        }
    }

    private static IEnumerable<BackgroundService> BackgroundServices(IServiceProvider services) =>
        services.GetServices<IHostedService>().OfType<BackgroundService>();
}
