using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

/// <summary>The way out: from serving over draining (not ready, still serving) and stopping (no new connections) to the end.</summary>
internal sealed class Drain(IOptions<HostingOptions> options, IHostApplicationLifetime application, TimeProvider time, ILogger<Drain> logger) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _cut = new();
    private ITimer? _delay;
    private volatile bool _hasBegun;

    /// <summary>Whether the server is on its way out; it then says that it is not ready, and closes each connection after its answer.</summary>
    public bool HasBegun => _hasBegun;

    /// <summary>Cancelled when requests under way shall not be waited for.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>A signal to end. The first begins the way out, another one shortens it.</summary>
    /// <param name="signal">Its name, for the log.</param>
    /// <param name="delay">Whether load balancers need time to notice; a person at a terminal does not want to wait for them.</param>
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

    public void Dispose()
    {
        _delay?.Dispose();
        _cut.Dispose();
    }
}
