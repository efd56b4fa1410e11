using System.Diagnostics;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>A server under test and the client that speaks to it.</summary>
internal sealed class HttpContender : IContender
{
    /// <summary>More than any contender runs at once, and few enough that the last one is not refused.</summary>
    public const int SaturatingClients = 8;

    private readonly ServerProcess _server;
    private readonly ManagedHeap _heap;

    private HttpContender(string name, ServerProcess server, string path)
    {
        Name = name;
        _server = server;
        _heap = new ManagedHeap(server.Address);
        Client = new LoadClient(new Uri(server.Address, path));
    }

    public string Name { get; }

    public LoadClient Client { get; }

    /// <summary>Bytes in memory, of all its processes.</summary>
    public long Resident => _server.Tree.Resident;

    public static async Task<HttpContender> StartAsync(string name, string command, string path, string log) =>
        new(name, await ServerProcess.StartAsync(command, log).ConfigureAwait(false), path);

    // Long enough for the just-in-time compilers, ours and those of the peers.
    public async Task WarmUpAsync(PhotoSet photos) =>
        await ClosedLoop.RunAsync(Client, photos, SaturatingClients, TimeSpan.FromSeconds(5)).ConfigureAwait(false);

    public Task<Window> SaturateAsync(PhotoSet photos, TimeSpan length, int round) =>
        SaturateAsync(photos, length, round, SaturatingClients);

    public Task<Window> SaturateAsync(PhotoSet photos, TimeSpan length, int round, int clients) =>
        MeasureAsync("saturation", photos, 0, length, round, () => ClosedLoop.RunAsync(Client, photos, clients, length));

    /// <summary>Offers a fixed rate.</summary>
    public Task<Window> OfferAsync(string phase, PhotoSet photos, double perSecond, TimeSpan length, int round, bool poisson = false) =>
        MeasureAsync(phase, photos, perSecond, length, round, () => OpenLoop.RunAsync(
            Client, photos, poisson ? Arrivals.Poisson(perSecond, length) : Arrivals.Even(perSecond, length)));

    /// <summary>Bytes on the managed heap; null where the server does not tell.</summary>
    public Task<long?> HeapAsync() => _heap.SizeAsync();

    public void Dispose()
    {
        Client.Dispose();
        _heap.Dispose();
        _server.Dispose();
    }

    private async Task<Window> MeasureAsync(
        string phase, PhotoSet photos, double offered, TimeSpan length, int round,
        Func<Task<IReadOnlyList<Sample>>> load)
    {
        long? allocated = await _heap.AllocatedAsync().ConfigureAwait(false);
        TimeSpan cpu = _server.Tree.Cpu;
        using Process self = Process.GetCurrentProcess();
        TimeSpan client = self.TotalProcessorTime;
        IReadOnlyList<Sample> samples = await load().ConfigureAwait(false);
        self.Refresh();
        return new Window
        {
            Contender = Name,
            Phase = phase,
            Photos = photos.Name,
            Round = round,
            Offered = offered,
            Ramp = Math.Min(1, length.TotalSeconds / 5),
            Length = length.TotalSeconds,
            Samples = samples,
            Cpu = _server.Tree.Cpu - cpu,
            ClientCpu = self.TotalProcessorTime - client,
            Allocated = await _heap.AllocatedAsync().ConfigureAwait(false) - allocated,
            Resident = _server.Tree.Resident,
        };
    }
}
