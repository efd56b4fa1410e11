using InferenceServer.Cli.TuneCrf;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Tests.TuneCrf;

public class CrfGridTests
{
    private static readonly CrfOverrides Start = new()
    {
        Iterations = 5, GaussianWeight = 3, GaussianXy = 1, BilateralWeight = 4, BilateralXy = 67, BilateralRgb = 3,
    };

    [Fact]
    public void Coarse_NothingHeld_IsTheStartAndEveryCombination()
    {
        IReadOnlyList<CrfOverrides> settings = new CrfGrid(Start, new CrfOverrides(), scale: 2).Coarse();

        Assert.Equal(Start, settings[0]);
        Assert.Equal(1 + (3 * 4 * 3), settings.Distinct().Count());
        Assert.Equal([20, 40, 80, 160], settings.Skip(1).Select(s => s.BilateralXy!.Value).Distinct().Order());
        Assert.All(settings, s => Assert.Equal((5, 3f, 1f), (s.Iterations, s.GaussianWeight, s.GaussianXy)));
    }

    [Fact]
    public void Coarse_AllHeld_IsTheStart() => Assert.Equal([Start], new CrfGrid(Start, Start, scale: 1).Coarse());

    [Fact]
    public void Neighbours_OneHeld_ChangesEachOtherBothWays()
    {
        CrfGrid grid = new(Start, new CrfOverrides { GaussianXy = 1 }, scale: 1);

        IReadOnlyList<CrfOverrides> neighbours = grid.Neighbours(Start, 2);

        Assert.Equal(
        [
            Start with { BilateralWeight = 8 }, Start with { BilateralWeight = 2 }, Start with { BilateralXy = 130 },
            Start with { BilateralXy = 34 },
            Start with { BilateralRgb = 6 }, Start with { BilateralRgb = 1.5f }, Start with { GaussianWeight = 6 },
            Start with { GaussianWeight = 1.5f },
        ], neighbours);
    }

    [Fact]
    public void Neighbours_AtTheLimits_StaysWithin()
    {
        CrfOverrides corner = new()
        {
            GaussianWeight = 0,
            GaussianXy = 0.5f,
            BilateralWeight = 100,
            BilateralXy = 500,
            BilateralRgb = 0.5f,
        };

        IReadOnlyList<CrfOverrides> neighbours = new CrfGrid(corner, new CrfOverrides(), scale: 1).Neighbours(corner, 2);

        Assert.Equal(
            [
                corner with { BilateralWeight = 50 }, corner with { BilateralXy = 250 },
                corner with { BilateralRgb = 1 }, corner with { GaussianXy = 1 }
            ],
            neighbours);
    }

    [Fact]
    public void Combine_SeveralChanges_TakesTheFirstOfEachParameter() => Assert.Equal(
        Start with { BilateralXy = 40, GaussianWeight = 1 },
        CrfGrid.Combine(Start, [Start with { BilateralXy = 40 }, Start with { GaussianWeight = 1 }, Start with { BilateralXy = 90 }]));
}
