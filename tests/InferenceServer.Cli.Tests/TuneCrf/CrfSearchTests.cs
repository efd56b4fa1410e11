using DenseCrf;
using InferenceServer.Cli.TuneCrf;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Tests.TuneCrf;

public class CrfSearchTests
{
    private static readonly CrfOverrides Start = new()
    {
        Iterations = 5, GaussianWeight = 3, GaussianXy = 1, BilateralWeight = 4, BilateralXy = 67, BilateralRgb = 3,
    };

    private readonly List<(CrfOverrides Setting, int Every)> _scored = [];

    [Fact]
    public async Task RunAsync_SmoothScore_FindsItsTop()
    {
        IReadOnlyList<CrfScore> finalists = await RunAsync(new CrfOverrides(), Smooth);

        CrfOverrides best = finalists[0].Setting;
        Assert.InRange(best.BilateralWeight!.Value, 2, 2.9);
        Assert.InRange(best.BilateralXy!.Value, 26, 36);
        Assert.InRange(best.BilateralRgb!.Value, 6, 8.5);
        Assert.InRange(best.GaussianWeight!.Value, 0.9, 1.25);
        Assert.Equal(finalists.OrderByDescending(f => f.MeanIou), finalists);
    }

    [Fact]
    public async Task RunAsync_AnyScore_TriesNothingTwiceOnTheSameImages()
    {
        await RunAsync(new CrfOverrides(), Smooth);

        Assert.Equal(_scored.Skip(37).Distinct().Count(), _scored.Count - 37);
    }

    [Fact]
    public async Task RunAsync_HeldParameters_StayAsTheyAre()
    {
        CrfOverrides held = new() { GaussianWeight = 3, GaussianXy = 1, BilateralRgb = 3 };

        await RunAsync(held, Smooth);

        Assert.All(_scored, s => Assert.Equal((3f, 1f, 3f), (s.Setting.GaussianWeight, s.Setting.GaussianXy, s.Setting.BilateralRgb)));
    }

    [Fact]
    public async Task RunAsync_End_ComparesTheBestFewExactlyAndWithOtherIterations()
    {
        IReadOnlyList<CrfScore> finalists = await RunAsync(new CrfOverrides(), s => Smooth(s) + (s.Iterations!.Value / 1000.0));

        Assert.All(finalists, f => Assert.Equal(CrfQuality.Exact, f.Setting.Quality));
        Assert.Equal([3, 5, 5, 5, 10], finalists.Select(f => f.Setting.Iterations!.Value).Order());
        Assert.Equal(10, finalists[0].Setting.Iterations);
        Assert.All(_scored.Where(s => s.Setting.Quality == CrfQuality.Exact), s => Assert.Equal(1, s.Every));
    }

    /// <summary>Highest at 2.4/30/7 and 1.05/1, on a logarithmic scale.</summary>
    private static double Smooth(CrfOverrides s) => 1 - (0.01 * (
        Square(s.BilateralWeight!.Value / 2.4) + Square(s.BilateralXy!.Value / 30)
        + Square(s.BilateralRgb!.Value / 7) + Square(s.GaussianWeight!.Value / 1.05) + Square(s.GaussianXy!.Value)));

    private static double Square(double ratio) => Math.Log(ratio) * Math.Log(ratio);

    private Task<IReadOnlyList<CrfScore>> RunAsync(CrfOverrides held, Func<CrfOverrides, double> score) =>
        new CrfSearch(new CrfGrid(Start, held, scale: 1), (_, settings, every) =>
        {
            _scored.AddRange(settings.Select(s => (s, every)));
            return Task.FromResult<IReadOnlyList<CrfScore>>([.. settings.Select(s => new CrfScore(s, score(s), TimeSpan.Zero))]);
        }, (_, _) => { }).RunAsync(CrfQuality.Exact, [3, 10]);
}
