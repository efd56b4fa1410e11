using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Compare;

/// <summary>The promises of docs/benchmarks.md, held against the windows of one comparison.</summary>
internal sealed class Targets(IReadOnlyList<Window> windows, string plain, string mixed)
{
    /// <summary>The raw loop that was faster: 1 session × 2 threads or 2 × 1.</summary>
    public string BestRaw(string photos) =>
        windows.Where(w => w.Contender.StartsWith("raw", StringComparison.Ordinal) && w.Photos == photos)
        .GroupBy(w => w.Contender).MaxBy(g => Comparison.Median(g.Select(w => w.Goodput)))!.Key;

    public IReadOnlyList<Target> All()
    {
        string raw = BestRaw(plain);
        double steady = Latency("steady", ContenderCatalog.Server)[99];
        double peak = Comparison.Median(Of("saturation", ContenderCatalog.Server).Select(w => w.Goodput));
        return
        [
            new("throughput at saturation ÷ raw loop", 0.95, true, Ratio(raw, plain)),
            new("the same, mixed sizes (the raw loop neither decodes nor resizes)", 0.95, true, Ratio(BestRaw(mixed), mixed)),
            new("throughput ÷ FastAPI", 1.5, true, Ratio(ContenderCatalog.FastApi, plain)),
            new("the same, mixed sizes", 1.5, true, Ratio(ContenderCatalog.FastApi, mixed)),
            new("throughput ÷ fastify", 1.2, true, Ratio(ContenderCatalog.Fastify, plain)),
            new("the same, mixed sizes", 1.2, true, Ratio(ContenderCatalog.Fastify, mixed)),
            new("p99 ÷ p50 at 80 % of its capacity", 1.5, false, steady / Latency("steady", ContenderCatalog.Server)[50]),
            new("p99 ÷ FastAPI's, each at 80 % of its own capacity", 1, false, steady / Latency("steady", ContenderCatalog.FastApi)[99]),
            new("p99 ÷ fastify's, each at 80 % of its own capacity", 1, false, steady / Latency("steady", ContenderCatalog.Fastify)[99]),
            new(
                "goodput at three times the capacity ÷ peak", 0.95, true,
                Comparison.Median(Of("overload", ContenderCatalog.Server).Select(w => w.Goodput)) / peak),
            new("p99 of the accepted there ÷ p99 at 80 %", 2, false, Latency("overload", ContenderCatalog.Server)[99] / steady),
            new("processor time of a request ÷ raw run", 1.10, false, Cpu(ContenderCatalog.Server) / Cpu(raw)),
            new(
                "managed allocation of a request, KB", 64, false,
                Comparison.Median(
                    Of("saturation", ContenderCatalog.Server).Select(w =>
                        (w.AllocatedPerRequest ?? double.NaN) / 1024))),
        ];
    }

    public IEnumerable<Window> Of(string phase, string contender, string? photos = null) =>
        windows.Where(w => w.Phase == phase && w.Contender == contender && w.Photos == (photos ?? plain));

    public Latency Latency(string phase, string contender) => new(Of(phase, contender));

    public double Cpu(string contender) => Comparison.Median(Of("saturation", contender).Select(w => w.CpuMsPerRequest));

    /// <summary>Median, over the rounds, of the server's throughput by another's in the same round.</summary>
    private double Ratio(string other, string photos) => Comparison.Median(
        Of("saturation", ContenderCatalog.Server, photos).Join(
            Of("saturation", other, photos), w => w.Round, w => w.Round,
            (ours, theirs) => ours.Goodput / theirs.Goodput));
}
