using System.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Sessions;
using Vips;

namespace InferenceServer.Hosting;

/// <summary>Loads the models while the server already answers, so that their state can be watched.</summary>
internal sealed class ModelLoading(ModelRepository repository, ImageDecoder decoder, IHostApplicationLifetime lifetime, ILogger<ModelLoading> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.Run(
        () =>
        {
            try
            {
                VipsLibrary.Initialize();
                WarmDecoder();
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

    // The first photograph would otherwise wait for libvips to look up its loaders.
    private void WarmDecoder()
    {
        ArrayBufferWriter<byte> file = new();
        using VipsImage image = VipsImage.FromPixels(new byte[3 * 16 * 16], width: 16, height: 16, bands: 3);
        image.EncodeJpeg(file, quality: 90);
        decoder.Decode(file.WrittenMemory, CancellationToken.None).Dispose();
    }
}
