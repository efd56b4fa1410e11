using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace InferenceServer.Runtime.Models;

/// <summary>Loads the models while the host runs, so that clients can watch their state. Without a folder of models,
/// or without a required GPU, the host stops with exit code 1.</summary>
internal sealed class ModelLoading(
    ModelRepository repository,
    ImageDecoder decoder,
    IHostApplicationLifetime lifetime,
    ILogger<ModelLoading> logger) : BackgroundService
{
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        repository.Expect(true);
        return base.StartAsync(cancellationToken);
    }

    public override Task StopAsync(CancellationToken cancellationToken)
    {
        repository.Expect(false);
        return base.StopAsync(cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Run(
        () =>
        {
            try
            {
                decoder.WarmUp();
                repository.Load(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                // The host stopped before all models were loaded.
            }
            catch (Exception e) when (e is IOException or GpuRequiredException or DllNotFoundException)
            {
                Log.CannotServe(logger, e.Message);
                repository.Expect(false);
                Environment.ExitCode = 1;
                // The stop waits until the host has started: before that, Kestrel would end with an exception, and the
                // process with a core dump.
                lifetime.ApplicationStarted.Register(lifetime.StopApplication);
            }
        },
        stoppingToken);
}
