using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Traffic;

namespace InferenceServer.LoadTests.Compare;

/// <summary>Measures all contenders by turns, so that a drift of the machine meets each of them.</summary>
internal sealed class Comparison(CompareOptions options, PhotoSet plain, PhotoSet mixed)
{
    private const double SteadyShare = 0.8;
    private const double OverloadFactor = 3;
    private static readonly double[] CurveShares = [0.2, 0.4, 0.6, 0.8, 0.9, 1, 1.2, 1.5, 2, 3];

    /// <summary>A peer without admission control queues all that it is offered; beyond this it would only be waited for.</summary>
    private const double PeerCurveLimit = 1.25;

    private readonly List<Window> _windows = [];

    public IReadOnlyList<Window> Windows => _windows;

    /// <param name="floats">Those with the float32 network.</param>
    /// <param name="bytes">Those with the network of 8 bits; null where there is none.</param>
    public async Task RunAsync(ContenderGroup floats, ContenderGroup? bytes)
    {
        IContender[] all = [.. floats.All, .. bytes?.All ?? []];
        HttpContender[] servers = [.. floats.Servers, .. bytes?.Servers ?? []];
        HttpContender server = bytes?.Server ?? floats.Server; // as it serves by default
        foreach (IContender contender in all)
        {
            await contender.WarmUpAsync(plain).ConfigureAwait(false);
            await contender.WarmUpAsync(mixed).ConfigureAwait(false);
        }

        await SaturateAsync(all, plain, rounds: 4).ConfigureAwait(false);
        await SaturateAsync(all, mixed, rounds: 3).ConfigureAwait(false);
        await OfferAsync(rounds: 3, servers, "steady", SteadyShare, Seconds(12)).ConfigureAwait(false);
        await OfferAsync(rounds: 3, [server], "overload", OverloadFactor, Seconds(10)).ConfigureAwait(false);
        await CurveAsync(server, [server, .. floats.Peers]).ConfigureAwait(false);
        // Last, since the peers are busy for long after it.
        await OfferAsync(rounds: 1, floats.Peers, "overload", OverloadFactor, Seconds(6)).ConfigureAwait(false);

        Task OfferAsync(int rounds, IReadOnlyList<HttpContender> offered, string phase, double share, TimeSpan length) =>
            AlternateAsync(rounds, offered, (s, round) => s.OfferAsync(phase, plain, share * Capacity(s), length, round));
    }

    /// <summary>Masks a second at saturation with images of 480×360.</summary>
    public double Capacity(IContender contender) =>
        Median(
            _windows.Where(w => w.Contender == contender.Name && w.Phase == "saturation" && w.Photos == plain.Name)
                .Select(w => w.Goodput));

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private async Task SaturateAsync(IContender[] contenders, PhotoSet photos, int rounds) =>
        await AlternateAsync(rounds, contenders, (c, round) => c.SaturateAsync(photos, Seconds(5), round)).ConfigureAwait(false);

    private async Task CurveAsync(HttpContender server, HttpContender[] servers)
    {
        double capacity = Capacity(server);
        foreach (double share in CurveShares)
        {
            await AlternateAsync(
                rounds: 1, [.. servers.Where(s => s == server || share * capacity <= PeerCurveLimit * Capacity(s))],
                (s, round) => s.OfferAsync("curve", plain, share * capacity, Seconds(4), round)).ConfigureAwait(false);
        }
    }

    private async Task AlternateAsync<T>(int rounds, IReadOnlyList<T> contenders, Func<T, int, Task<Window>> measure)
        where T : IContender
    {
        for (int round = 1; round <= rounds; round++)
        {
            foreach (T contender in contenders)
            {
                Window window = await measure(contender, round).ConfigureAwait(false);
                _windows.Add(window);
                Console.WriteLine(Describe(window));
            }
        }
    }

    private TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds * options.Scale);

    public static string Describe(Window w)
    {
        Latency latency = new([w]);
        string retry = w.Samples.Any(s => s.RetryAfter is not null)
            ? $", retry after {w.Samples.Min(s => s.RetryAfter)} to {w.Samples.Max(s => s.RetryAfter)} s"
            : "";
        string failures = string.Join(
            ", ",
            w.Samples.Where(x => x.Outcome == Outcome.Failed)
                .CountBy(x => x.Status)
                .Select(x => $"{x.Value} × {(x.Key == 0 ? "no answer" : x.Key)}"));
        return $"{w.Phase,-10} {w.Photos,-8} {w.Contender,-16} " +
            $"{(w.Offered > 0 ? $"{w.Offered,6:F1}/s offered," : "  closed loop,  ")} {w.Goodput,6:F1}/s, p50 " +
            $"{latency[50],7:F1} p99 {latency[99],7:F1} ms, "
            + $"cpu {w.CpuMsPerRequest,5:F1} ms, {w.Count(Outcome.Refused)} refused, {w.Count(Outcome.Failed)} " +
                $"failed{(failures.Length > 0 ? $" ({failures})" : "")}{retry}, client " +
                $"{w.ClientCpu.TotalMilliseconds / Math.Max(1, w.Samples.Count):F2} ms, {w.Resident >> 20} MB";
    }
}
