using InferenceServer.LoadTests.Compare;

namespace InferenceServer.LoadTests.Contenders;

/// <summary>All that run the same graph: the raw loops, the server, and its peers.</summary>
internal sealed class ContenderGroup : IDisposable
{
    private ContenderGroup(IReadOnlyList<RawContender> raw, HttpContender server, IReadOnlyList<HttpContender> peers) =>
        (Raw, Server, Peers) = (raw, server, peers);

    /// <summary>One session on all processors, and one session for each processor.</summary>
    public IReadOnlyList<RawContender> Raw { get; }

    public HttpContender Server { get; }

    public IReadOnlyList<HttpContender> Peers { get; }

    public IEnumerable<IContender> All => [.. Raw, Server, .. Peers];

    public IReadOnlyList<HttpContender> Servers => [Server, .. Peers];

    /// <summary>Starts them all.</summary>
    /// <param name="options">The server, and where logs go.</param>
    /// <param name="model">The model that raw loops and peers run.</param>
    /// <param name="isInt8">Whether that is the network of 8 bits, which the server has beside the other.</param>
    public static async Task<ContenderGroup> StartAsync(CompareOptions options, BenchmarkModel model, bool isInt8)
    {
        string variant = isInt8 ? "Int8" : "Float32", raw = isInt8 ? ContenderCatalog.Int8("raw") : "raw";
        BenchmarkModel served = new(Path.GetFullPath(options.Model));
        return new ContenderGroup(
            [new RawContender(model, 1, Environment.ProcessorCount, raw), new RawContender(model, Environment.ProcessorCount, 1, raw)],
            await ContenderCatalog.ServerAsync(
                options.Server, $"{options.Arguments} --Onnx:Variant {variant}", served, options.Output, Named(ContenderCatalog.Server))
                .ConfigureAwait(false),
            await ContenderCatalog.PeersAsync(model, options.Output, Named).ConfigureAwait(false));

        string Named(string name) => isInt8 ? ContenderCatalog.Int8(name) : name;
    }

    public void Dispose()
    {
        foreach (IContender contender in All)
        {
            contender.Dispose();
        }
    }
}
