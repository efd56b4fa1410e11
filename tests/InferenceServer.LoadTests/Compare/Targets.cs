using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Compare;

/// <summary>The promises of docs/benchmarks.md, held against the windows of one comparison.</summary>
internal sealed class Targets(IReadOnlyList<Window> windows, string plain, string mixed)
{
    private static readonly string Bytes = ContenderCatalog.Int8(ContenderCatalog.Server);

    /// <summary>The raw loop of a network that was faster: 1 session × 2 threads or 2 × 1.</summary>
    /// <param name="photos">The images.</param>
    /// <param name="isInt8">Whether the network has 8 bits.</param>
    public string BestRaw(string photos, bool isInt8)
    {
        string prefix = (isInt8 ? ContenderCatalog.Int8("raw") : "raw") + " ";
        return windows.Where(w => w.Contender.StartsWith(prefix, StringComparison.Ordinal)
                && char.IsDigit(w.Contender[prefix.Length]) && w.Photos == photos)
            .GroupBy(w => w.Contender)
            .MaxBy(g => Comparison.Median(g.Select(w => w.Goodput)))?.Key ?? prefix;
    }

    public IReadOnlyList<Target> All() =>
    [
        new("int8: throughput at saturation ÷ raw loop of the float32 network", 2.8, true, Ratio(Bytes, BestRaw(plain, false), plain)),
        new("int8: ÷ raw loop", 0.90, true, Ratio(Bytes, BestRaw(plain, true), plain)),
        new("float32: ÷ raw loop", 0.95, true, Ratio(ContenderCatalog.Server, BestRaw(plain, false), plain)),
        new(
            "float32: ÷ raw loop, mixed sizes (the raw loop neither decodes nor resizes)", 0.92, true,
            Ratio(ContenderCatalog.Server, BestRaw(mixed, false), mixed)),
        .. Against(ContenderCatalog.FastApi, ofBytes: 1.3, ofFloats: 1.05),
        .. Against(ContenderCatalog.Fastify, ofBytes: 1.5, ofFloats: 1.2),
        .. Latencies("int8", Bytes, ContenderCatalog.Int8),
        .. Latencies("float32", ContenderCatalog.Server, name => name),
        new("goodput at three times the capacity ÷ peak", 0.95, true, Goodput("overload") / Goodput("saturation")),
        new("p99 of the accepted there ÷ p99 at 80 %", 2, false, Latency("overload", Main)[99] / Latency("steady", Main)[99]),
        new(
            "int8: processor time of a request − raw run, ms", 1.5, false,
            Cpu(Bytes) - Cpu(BestRaw(plain, true))),
        new(
            "managed allocation of a request, KB", 64, false,
            Comparison.Median(Of("saturation", Main).Select(w => (w.AllocatedPerRequest ?? double.NaN) / 1024))),
    ];

    // The server as it serves by default.
    private string Main => windows.Any(w => w.Contender == Bytes) ? Bytes : ContenderCatalog.Server;

    private IEnumerable<Target> Against(string peer, double ofBytes, double ofFloats) =>
    [
        new($"int8: ÷ {peer} with int8", ofBytes, true, Ratio(Bytes, ContenderCatalog.Int8(peer), plain)),
        new($"int8: ÷ {peer} as it is used today, with float32", 2.6, true, Ratio(Bytes, peer, plain)),
        new($"float32: ÷ {peer}", ofFloats, true, Ratio(ContenderCatalog.Server, peer, plain)),
        new($"float32: ÷ {peer}, mixed sizes", ofFloats, true, Ratio(ContenderCatalog.Server, peer, mixed)),
    ];

    private IEnumerable<Target> Latencies(string variant, string server, Func<string, string> named)
    {
        Latency steady = Latency("steady", server);
        return
        [
            new($"{variant}: p99 ÷ p50 at 80 % of its capacity", 1.5, false, steady[99] / steady[50]),
            .. from peer in (string[])[ContenderCatalog.FastApi, ContenderCatalog.Fastify]
               select new Target(
                   $"{variant}: p99 ÷ {peer}'s, each at 80 % of its own capacity", 1, false,
                   steady[99] / Latency("steady", named(peer))[99]),
        ];
    }

    private double Goodput(string phase) => Comparison.Median(Of(phase, Main).Select(w => w.Goodput));

    public IEnumerable<Window> Of(string phase, string contender, string? photos = null) =>
        windows.Where(w => w.Phase == phase && w.Contender == contender && w.Photos == (photos ?? plain));

    public Latency Latency(string phase, string contender) => new(Of(phase, contender));

    public double Cpu(string contender) => Comparison.Median(Of("saturation", contender).Select(w => w.CpuMsPerRequest));

    /// <summary>Median, over the rounds, of a server's throughput by another's in the same round.</summary>
    private double Ratio(string server, string other, string photos) => Comparison.Median(
        Of("saturation", server, photos).Join(
            Of("saturation", other, photos), w => w.Round, w => w.Round,
            (ours, theirs) => ours.Goodput / theirs.Goodput));
}
