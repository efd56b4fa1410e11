using DenseCrf;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>Searches from coarse to fine: a grid and large steps from its best on some of the images, small steps on all of them, then the best few exactly.</summary>
/// <param name="grid">The settings to try.</param>
/// <param name="score">Scores settings on every n-th image; the text says what for.</param>
/// <param name="report">Gets the best setting after each stage.</param>
internal sealed class CrfSearch(CrfGrid grid, Func<string, IReadOnlyList<CrfOverrides>, int, Task<IReadOnlyList<CrfScore>>> score, Action<string, CrfScore> report)
{
    private const int Some = 3; // every third image
    private const int All = 1;
    private const int MostRounds = 12;
    private const int Finalists = 3;
    private static readonly (double Step, int Every)[] Stages = [(Math.Sqrt(2), Some), (Math.Sqrt(Math.Sqrt(2)), All)];
    private readonly Dictionary<CrfOverrides, CrfScore> _known = []; // of one stage: scores on other images do not compare

    /// <summary>Finds the best settings.</summary>
    /// <param name="quality">Of the final comparison; the search itself is fast.</param>
    /// <param name="iterations">Numbers of iterations that the best setting is compared with.</param>
    /// <returns>The finalists, best first.</returns>
    public async Task<IReadOnlyList<CrfScore>> RunAsync(CrfQuality quality, IReadOnlyList<int> iterations)
    {
        IReadOnlyList<CrfScore> coarse = await score("Coarse grid", [.. grid.Coarse().Select(Fast)], Some).ConfigureAwait(false);
        CrfScore best = coarse.MaxBy(s => s.MeanIou)!;
        report("Coarse grid", best);
        foreach ((double step, int every) in Stages)
        {
            _known.Clear();
            best = (await ScoreAsync("The best so far", [best.Setting], every).ConfigureAwait(false))[0];
            for (int round = 1; round <= MostRounds && await StepAsync(best, step, every).ConfigureAwait(false) is { } better; round++)
            {
                best = better;
                report($"Steps of {step:F2}, round {round}", best);
            }
        }

        CrfOverrides[] finalists = [.. _known.Values.OrderByDescending(s => s.MeanIou).Take(Finalists).Select(s => s.Setting)];
        IEnumerable<CrfOverrides> candidates = finalists.Concat(iterations.Select(n => finalists[0] with { Iterations = n })).Select(s => s with { Quality = quality });
        return [.. (await ScoreAsync("Final comparison", [.. candidates.Distinct()], All).ConfigureAwait(false)).OrderByDescending(s => s.MeanIou)];
    }

    private static CrfOverrides Fast(CrfOverrides setting) => setting with { Quality = CrfQuality.Fast };

    /// <summary>Tries every single step, and all that helped at once; null where nothing helped.</summary>
    private async Task<CrfScore?> StepAsync(CrfScore best, double step, int every)
    {
        IReadOnlyList<CrfScore> single = await ScoreAsync($"Steps of {step:F2}", grid.Neighbours(best.Setting, step), every).ConfigureAwait(false);
        CrfScore[] helpful = [.. single.Where(s => s.MeanIou > best.MeanIou).OrderByDescending(s => s.MeanIou)];
        if (helpful.Length == 0)
        {
            return null;
        }

        CrfOverrides combined = CrfGrid.Combine(best.Setting, helpful.Select(s => s.Setting));
        CrfScore together = (await ScoreAsync("What helped, together", [combined], every).ConfigureAwait(false))[0];
        return together.MeanIou > helpful[0].MeanIou ? together : helpful[0];
    }

    /// <summary>Scores settings, each once.</summary>
    private async Task<IReadOnlyList<CrfScore>> ScoreAsync(string stage, IReadOnlyList<CrfOverrides> settings, int every)
    {
        CrfOverrides[] unknown = [.. settings.Where(setting => !_known.ContainsKey(setting))];
        foreach (CrfScore result in await score(stage, unknown, every).ConfigureAwait(false))
        {
            _known[result.Setting] = result;
        }

        return [.. settings.Select(setting => _known[setting])];
    }
}

/// <summary>What a setting achieves.</summary>
/// <param name="Setting">All parameters, none null.</param>
/// <param name="MeanIou">0 to 1.</param>
/// <param name="Time">Of one refinement on one thread, on average.</param>
internal sealed record CrfScore(CrfOverrides Setting, double MeanIou, TimeSpan Time);
