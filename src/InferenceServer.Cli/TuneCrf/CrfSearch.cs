using DenseCrf;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>Searches from coarse to fine: a grid and large steps on some of the images, small steps on all images, then
/// an exact comparison of the best.</summary>
/// <param name="grid">The settings to try.</param>
/// <param name="score">Scores settings on every n-th image, with the stage's name.</param>
/// <param name="report">Receives the best setting after each stage.</param>
internal sealed class CrfSearch(
    CrfGrid grid,
    Func<string, IReadOnlyList<CrfOverrides>, int, Task<IReadOnlyList<CrfScore>>> score,
    Action<string, CrfScore> report)
{
    private const int Some = 3; // every third image
    private const int All = 1;
    private const int MostRounds = 12;
    private const int Finalists = 3;
    private static readonly (double Step, int Every)[] Stages = [(Math.Sqrt(2), Some), (Math.Sqrt(Math.Sqrt(2)), All)];
    // The scores of one stage: scores on other images are not comparable.
    private readonly Dictionary<CrfOverrides, CrfScore> _known = [];

    /// <summary>Finds the best settings.</summary>
    /// <param name="quality">The quality of the final comparison; the search itself uses the fast quality.</param>
    /// <param name="iterations">Numbers of iterations that the final comparison also tries with the best
    /// setting.</param>
    /// <returns>The finalists, best first.</returns>
    public async Task<IReadOnlyList<CrfScore>> RunAsync(CrfQuality quality, IReadOnlyList<int> iterations)
    {
        IReadOnlyList<CrfScore> coarse = await score("Coarse grid", [.. grid.Coarse().Select(Fast)], Some)
            .ConfigureAwait(false);
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
        IEnumerable<CrfOverrides> candidates = finalists
            .Concat(iterations.Select(n => finalists[0] with { Iterations = n }))
            .Select(s => s with { Quality = quality });
        IReadOnlyList<CrfScore> scores = await ScoreAsync("Final comparison", [.. candidates.Distinct()], All)
            .ConfigureAwait(false);
        return [.. scores.OrderByDescending(s => s.MeanIou)];
    }

    private static CrfOverrides Fast(CrfOverrides setting) => setting with { Quality = CrfQuality.Fast };

    /// <summary>Tries every single step, then all steps that raised the score together; null where none raised
    /// it.</summary>
    private async Task<CrfScore?> StepAsync(CrfScore best, double step, int every)
    {
        IReadOnlyList<CrfOverrides> neighbours = grid.Neighbours(best.Setting, step);
        IReadOnlyList<CrfScore> single = await ScoreAsync($"Steps of {step:F2}", neighbours, every)
            .ConfigureAwait(false);
        CrfScore[] helpful = [.. single.Where(s => s.MeanIou > best.MeanIou).OrderByDescending(s => s.MeanIou)];
        if (helpful.Length == 0)
        {
            return null;
        }

        CrfOverrides combined = CrfGrid.Combine(best.Setting, helpful.Select(s => s.Setting));
        CrfScore together = (await ScoreAsync("All steps that helped", [combined], every).ConfigureAwait(false))[0];
        if (together.MeanIou > helpful[0].MeanIou)
        {
            return together;
        }

        return helpful[0];
    }

    /// <summary>Scores settings, each only once.</summary>
    private async Task<IReadOnlyList<CrfScore>> ScoreAsync(
        string stage, IReadOnlyList<CrfOverrides> settings, int every)
    {
        CrfOverrides[] unknown = [.. settings.Where(setting => !_known.ContainsKey(setting))];
        foreach (CrfScore result in await score(stage, unknown, every).ConfigureAwait(false))
        {
            _known[result.Setting] = result;
        }

        return [.. settings.Select(setting => _known[setting])];
    }
}

/// <summary>The score of a setting.</summary>
/// <param name="Setting">All parameters, none null.</param>
/// <param name="MeanIou">Mean IoU, 0 to 1.</param>
/// <param name="Time">Mean time of a refinement on one thread.</param>
internal sealed record CrfScore(CrfOverrides Setting, double MeanIou, TimeSpan Time);
