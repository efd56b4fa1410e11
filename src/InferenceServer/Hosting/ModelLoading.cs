using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Hosting;

/// <summary>Loads the models while the server already answers, so that their state can be watched.</summary>
internal sealed class ModelLoading(ModelRepository repository, ImageDecoder decoder, IHostApplicationLifetime lifetime, ILogger<ModelLoading> logger) : BackgroundService
{
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
                // The server was told to stop before it had loaded everything.
            }
            catch (Exception e) when (e is IOException or GpuRequiredException or DllNotFoundException)
            {
                Log.CannotServe(logger, e.Message);
                Environment.ExitCode = 1;
                // Not before the server has started: Kestrel would end with an exception, and the process with a core dump.
                lifetime.ApplicationStarted.Register(lifetime.StopApplication);
            }
        },
        stoppingToken);
}
