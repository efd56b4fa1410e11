using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

/// <summary>Watches the folder of models on a thread of its own: scans after an event or the interval, and scans again
/// until the files stop changing.</summary>
internal sealed class ModelWatcher(
    ModelRepository repository,
    IModelSource source,
    IOptions<ModelRepositoryOptions> options,
    ILogger<ModelWatcher> logger) : BackgroundService
{
    private readonly ModelRepositoryOptions _options = options.Value;

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_options.Watch == WatchMode.Off && source.Watched is not null)
        {
            return Task.CompletedTask;
        }

        return Task.Factory.StartNew(
            () => Watch(stoppingToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private void Watch(CancellationToken stoppingToken)
    {
        using AutoResetEvent changed = new(initialState: false);
        using FileSystemWatcher? events = _options.Watch == WatchMode.Auto && source.Watched is { } folder
            ? Events(folder, changed)
            : null;
        try
        {
            while (WaitHandle.WaitAny([stoppingToken.WaitHandle, changed], _options.PollInterval) != 0)
            {
                if (_options.Watch == WatchMode.Off && source.Looked is not null)
                {
                    return; // a place that was away at the start is tried until it was seen once
                }

                // Many events arrive while files are copied; the minimum time between two scans avoids a scan for each
                // event.
                while (repository.Refresh(stoppingToken) && !stoppingToken.WaitHandle.WaitOne(_options.SettleTime))
                {
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stopped during a load.
        }
    }

    private FileSystemWatcher? Events(string folder, AutoResetEvent changed)
    {
        FileSystemWatcher? watcher = null;
        try
        {
            watcher = new FileSystemWatcher(folder) { IncludeSubdirectories = true };
            FileSystemEventHandler signal = (_, _) => changed.Set();
            watcher.Changed += signal;
            watcher.Created += signal;
            watcher.Deleted += signal;
            watcher.Renamed += (_, _) => changed.Set();
            watcher.Error += (_, _) => changed.Set(); // events were lost, so the folder may have changed
            watcher.EnableRaisingEvents = true;
            return watcher;
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            // Too few file watches, or no folder: the server polls at the interval alone.
            Log.NoFileEvents(logger, _options.PollInterval.TotalSeconds, e.Message);
            watcher?.Dispose();
            return null;
        }
    }
}
