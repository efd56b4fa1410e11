using System.Text.Json.Serialization;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Evaluate;

/// <summary>All that an evaluation found; the JSON report is this in snake_case.</summary>
internal sealed record EvaluationReport
{
    /// <summary>The model's name.</summary>
    public string Model { get; init; } = "";

    /// <summary>Its version.</summary>
    public int Version { get; init; }

    /// <summary>Number of images.</summary>
    public int Images { get; init; }

    /// <summary>How the network saw each image: whole or in tiles, at which scales, mirrored or not.</summary>
    public string Passes { get; init; } = "";

    /// <summary>The label of pixels that did not count.</summary>
    public int Ignore { get; init; }

    /// <summary>What classes that are absent from truth and prediction add to the means: <c>leave-out</c>, or <c>zero</c>.</summary>
    public required string Absent { get; init; }

    /// <summary>Pixels that count.</summary>
    public required long Pixels { get; init; }

    /// <summary>Share of the pixels whose class is right.</summary>
    public required double? PixelAccuracy { get; init; }

    /// <summary>Mean over the classes of their accuracy.</summary>
    public required double? MeanAccuracy { get; init; }

    /// <summary>Mean over the classes of their IoU.</summary>
    public required double? MeanIou { get; init; }

    /// <summary>IoU of the classes, weighted with their share of the truth.</summary>
    public required double? FrequencyWeightedIou { get; init; }

    /// <summary>Mean over the classes of their Dice coefficient.</summary>
    public required double? MeanDice { get; init; }

    /// <summary>The scores of each class.</summary>
    public required IReadOnlyList<ClassScore> Classes { get; init; }

    /// <summary>Pixels, [truth][prediction].</summary>
    public required IReadOnlyList<IReadOnlyList<long>> Matrix { get; init; }

    /// <summary>The scores within bands of 1 to 20 pixels along the true boundaries.</summary>
    public IReadOnlyList<BandScore> Trimap { get; init; } = [];

    /// <summary>How the masks were refined; null where they were not.</summary>
    public CrfSettings? Crf { get; init; }

    /// <summary>The scores of the same masks before they were refined; null where they were not.</summary>
    public EvaluationReport? Unrefined { get; init; }

    /// <summary>Computes all scores from the counts, those along boundaries included.</summary>
    public static EvaluationReport Create(Tally tally, IReadOnlyList<string> names, AbsentClassRule absent) => Create(tally.All, names, absent) with
    {
        Trimap = [.. tally.Bands.Select((band, i) => new BandScore(i + 1, Count(band), Defined(band.MeanIoU(absent)), Defined(band.PixelAccuracy)))],
    };

    /// <summary>Computes all scores from the counts.</summary>
    public static EvaluationReport Create(ConfusionMatrix matrix, IReadOnlyList<string> names, AbsentClassRule absent)
    {
        long[][] counts = [.. names.Select((_, truth) => names.Select((_, prediction) => matrix[truth, prediction]).ToArray())];
        long[] truths = [.. counts.Select(row => row.Sum())];
        long pixels = truths.Sum();
        double[] iou = matrix.IoU(), accuracy = matrix.Accuracy(), dice = matrix.Dice();
        return new EvaluationReport
        {
            Absent = absent == AbsentClassRule.CountAsZero ? "zero" : "leave-out",
            Pixels = pixels,
            PixelAccuracy = Defined(matrix.PixelAccuracy),
            MeanAccuracy = Defined(matrix.MeanAccuracy(absent)),
            MeanIou = Defined(matrix.MeanIoU(absent)),
            FrequencyWeightedIou = Defined(matrix.FrequencyWeightedIoU),
            MeanDice = Defined(matrix.MeanDice(absent)),
            Classes = [.. names.Select((name, i) => new ClassScore(
                i, name, Defined(iou[i]), Defined(accuracy[i]), Defined(dice[i]), Defined((double)truths[i] / pixels)))],
            Matrix = counts,
        };
    }

    private static long Count(ConfusionMatrix matrix) =>
        Enumerable.Range(0, matrix.Classes).Sum(truth => Enumerable.Range(0, matrix.Classes).Sum(prediction => matrix[truth, prediction]));

    // JSON has no NaN.
    private static double? Defined(double value) => double.IsNaN(value) ? null : value;
}

/// <summary>The scores of one class; null where they are 0/0.</summary>
/// <param name="Index">The class's index.</param>
/// <param name="Name">The class's name.</param>
/// <param name="Iou">Intersection over union.</param>
/// <param name="Accuracy">Share of its pixels that were found.</param>
/// <param name="Dice">Dice coefficient.</param>
/// <param name="Share">Its share of the counted pixels.</param>
internal sealed record ClassScore(int Index, string Name, double? Iou, double? Accuracy, double? Dice, double? Share);

/// <summary>The scores near true boundaries, a point of the trimap curve; null where they are 0/0.</summary>
/// <param name="Width">Chebyshev distance to the next class up to which pixels count.</param>
/// <param name="Pixels">How many they are.</param>
/// <param name="MeanIou">Mean over the classes of their IoU.</param>
/// <param name="PixelAccuracy">Share of the pixels whose class is right.</param>
internal sealed record BandScore(int Width, long Pixels, double? MeanIou, double? PixelAccuracy);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, Converters = [typeof(QualityWord)])]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class EvaluationJson : JsonSerializerContext;
