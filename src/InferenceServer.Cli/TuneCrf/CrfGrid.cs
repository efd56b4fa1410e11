using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>The settings that a search tries: a coarse grid over the appearance kernel, as DeepLab's papers search it, and steps from a setting.</summary>
/// <param name="start">Values of all parameters.</param>
/// <param name="held">Parameters that are not null here keep their value.</param>
/// <param name="scale">Size of the images over that of Pascal VOC's, which the grid's distances were made for.</param>
internal sealed class CrfGrid(CrfOverrides start, CrfOverrides held, double scale)
{
    private const float SmallestWeight = 0.1f, LargestWeight = 100, SmallestDeviation = 0.5f, LargestDeviation = 500;
    private static readonly float[] Weights = [1.5f, 3, 6];
    private static readonly float[] Distances = [10, 20, 40, 80];
    private static readonly float[] Colors = [5, 10, 20];

    /// <summary>The parameters that a step changes.</summary>
    private static readonly (Func<CrfOverrides, float?> Get, Func<CrfOverrides, float, CrfOverrides> With, float Least, float Most)[] Parameters =
    [
        (s => s.BilateralWeight, (s, value) => s with { BilateralWeight = value }, SmallestWeight, LargestWeight),
        (s => s.BilateralXy, (s, value) => s with { BilateralXy = value }, SmallestDeviation, LargestDeviation),
        (s => s.BilateralRgb, (s, value) => s with { BilateralRgb = value }, SmallestDeviation, LargestDeviation),
        (s => s.GaussianWeight, (s, value) => s with { GaussianWeight = value }, SmallestWeight, LargestWeight),
        (s => s.GaussianXy, (s, value) => s with { GaussianXy = value }, SmallestDeviation, LargestDeviation),
    ];

    /// <summary>The start, and every combination of a few values of the appearance kernel.</summary>
    public IReadOnlyList<CrfOverrides> Coarse() => held.BilateralWeight == 0 ? [start] :
    [
        .. new[] { start }.Concat(
            from weight in held.BilateralWeight is { } w ? [w] : Weights
            from xy in held.BilateralXy is { } d ? [d] : Distances.Select(distance => Round(distance * scale))
            from rgb in held.BilateralRgb is { } c ? [c] : Colors
            select start with { BilateralWeight = weight, BilateralXy = xy, BilateralRgb = rgb }).Distinct(),
    ];

    /// <summary>The settings one step from a setting: each parameter times and by a factor, within the limits.</summary>
    public IReadOnlyList<CrfOverrides> Neighbours(CrfOverrides setting, double factor) =>
    [
        .. from parameter in Parameters
           where parameter.Get(held) is null && parameter.Get(setting) > 0
           from value in new[] { Round(parameter.Get(setting)!.Value * factor), Round(parameter.Get(setting)!.Value / factor) }
           where value >= parameter.Least && value <= parameter.Most && value != parameter.Get(setting)
           select parameter.With(setting, value),
    ];

    /// <summary>A setting with all changes that others make to it; of two changes of one parameter the first counts.</summary>
    public static CrfOverrides Combine(CrfOverrides setting, IEnumerable<CrfOverrides> changed)
    {
        CrfOverrides combined = setting;
        foreach (CrfOverrides other in changed)
        {
            foreach ((Func<CrfOverrides, float?> get, Func<CrfOverrides, float, CrfOverrides> with, _, _) in Parameters)
            {
                combined = get(other) != get(setting) && get(combined) == get(setting) ? with(combined, get(other)!.Value) : combined;
            }
        }

        return combined;
    }

    /// <summary>To two digits: more are noise.</summary>
    private static float Round(double value)
    {
        double unit = Math.Pow(10, Math.Floor(Math.Log10(value)) - 1);
        return (float)((decimal)Math.Round(value / unit) * (decimal)unit);
    }
}
