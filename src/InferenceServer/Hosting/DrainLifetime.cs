using System.Runtime.InteropServices;

namespace InferenceServer.Hosting;

/// <summary>Turns the system's signals into the way out; the framework's own lifetime would stop listening at the first.</summary>
internal sealed class DrainLifetime(Drain drain) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _signals = [];

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        Handle(PosixSignal.SIGTERM, delay: true); // on Windows the machine shuts down or the user logs off
        Handle(PosixSignal.SIGINT, delay: false);
        Handle(PosixSignal.SIGQUIT, delay: false); // on Windows Ctrl+Break
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
