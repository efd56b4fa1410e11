using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>The settings that a search tries: a coarse grid over the appearance kernel, as in DeepLab's papers, and
/// steps from a setting.</summary>
/// <param name="start">The setting that the search starts from, with all parameters.</param>
/// <param name="held">The search keeps every parameter that is not null here.</param>
/// <param name="scale">Size of the images relative to Pascal VOC's; the grid's distances were chosen for Pascal
/// VOC.</param>
internal sealed class CrfGrid(CrfOverrides start, CrfOverrides held, double scale)
{
    private const float SmallestWeight = 0.1f, LargestWeight = 100, SmallestDeviation = 0.5f, LargestDeviation = 500;
    private static readonly float[] Weights = [1.5f, 3, 6];
    private static readonly float[] Distances = [10, 20, 40, 80];
    private static readonly float[] Colors = [5, 10, 20];

    /// <summary>The parameters that a step changes.</summary>
    private static readonly Parameter[] Parameters =
    [
        new(s => s.BilateralWeight, (s, value) => s with { BilateralWeight = value }, SmallestWeight, LargestWeight),
        new(s => s.BilateralXy, (s, value) => s with { BilateralXy = value }, SmallestDeviation, LargestDeviation),
        new(s => s.BilateralRgb, (s, value) => s with { BilateralRgb = value }, SmallestDeviation, LargestDeviation),
        new(s => s.GaussianWeight, (s, value) => s with { GaussianWeight = value }, SmallestWeight, LargestWeight),
        new(s => s.GaussianXy, (s, value) => s with { GaussianXy = value }, SmallestDeviation, LargestDeviation),
    ];

    /// <summary>The start, and all combinations of a few values of the appearance kernel.</summary>
    public IReadOnlyList<CrfOverrides> Coarse()
    {
        if (held.BilateralWeight == 0)
        {
            return [start];
        }

        return [
            .. new[] { start }.Concat(
                from weight in held.BilateralWeight is { } w ? [w] : Weights
                from xy in held.BilateralXy is { } d ? [d] : Distances.Select(distance => Round(distance * scale))
                from rgb in held.BilateralRgb is { } c ? [c] : Colors
                select start with { BilateralWeight = weight, BilateralXy = xy, BilateralRgb = rgb }).Distinct(),
        ];
    }

    /// <summary>The settings one step from a setting: each parameter multiplied and divided by a factor, within its
    /// limits.</summary>
    public IReadOnlyList<CrfOverrides> Neighbours(CrfOverrides setting, double factor) =>
    [
        .. from parameter in Parameters
           where parameter.Get(held) is null && parameter.Get(setting) > 0
           let now = parameter.Get(setting)!.Value
           from value in new[] { Round(now * factor), Round(now / factor) }
           where value >= parameter.Least && value <= parameter.Most && value != now
           select parameter.With(setting, value),
    ];

    /// <summary>A setting with the changes of several others; the first change of a parameter wins.</summary>
    public static CrfOverrides Combine(CrfOverrides setting, IEnumerable<CrfOverrides> changed)
    {
        CrfOverrides combined = setting;
        foreach (CrfOverrides other in changed)
        {
            foreach (Parameter parameter in Parameters)
            {
                float? now = parameter.Get(setting), changedTo = parameter.Get(other);
                if (changedTo != now && parameter.Get(combined) == now)
                {
                    combined = parameter.With(combined, changedTo!.Value);
                }
            }
        }

        return combined;
    }

    /// <summary>Rounds to two digits; further digits are noise.</summary>
    private static float Round(double value)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(value)) - 1);
        return (float)((decimal)Math.Round(value / unit) * (decimal)unit);
    }

    private sealed record Parameter(
        Func<CrfOverrides, float?> Get, Func<CrfOverrides, float, CrfOverrides> With, float Least, float Most);
}
