using System.Text.Json;
using System.Text.Json.Serialization;
using DenseCrf;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.Evaluate;

/// <summary>The results of an evaluation; the JSON report has these members in snake_case.</summary>
internal sealed record EvaluationReport
{
    /// <summary>The model's name.</summary>
    public string Model { get; init; } = "";

    /// <summary>The model's version.</summary>
    public int Version { get; init; }

    /// <summary>Number of images.</summary>
    public int Images { get; init; }

    /// <summary>The passes of each image: whole or tiles, scales, mirroring.</summary>
    public string Passes { get; init; } = "";

    /// <summary>The void label.</summary>
    public int Ignore { get; init; }

    /// <summary>How the means treat classes that are absent from truth and prediction: <c>leave-out</c> or
    /// <c>zero</c>.</summary>
    public required string Absent { get; init; }

    /// <summary>Number of counted pixels.</summary>
    public required long Pixels { get; init; }

    /// <summary>Share of the pixels with the right class.</summary>
    public required double? PixelAccuracy { get; init; }

    /// <summary>Mean of the classes' accuracies.</summary>
    public required double? MeanAccuracy { get; init; }

    /// <summary>Mean of the classes' IoUs.</summary>
    public required double? MeanIou { get; init; }

    /// <summary>Mean of the classes' IoUs, weighted by their share of the truth.</summary>
    public required double? FrequencyWeightedIou { get; init; }

    /// <summary>Mean of the classes' Dice coefficients.</summary>
    public required double? MeanDice { get; init; }

    /// <summary>The scores of each class.</summary>
    public required IReadOnlyList<ClassScore> Classes { get; init; }

    /// <summary>The confusion matrix in pixels, [truth][prediction].</summary>
    public required IReadOnlyList<IReadOnlyList<long>> Matrix { get; init; }

    /// <summary>The scores within 1 to 20 pixels of true boundaries.</summary>
    public IReadOnlyList<BandScore> Trimap { get; init; } = [];

    /// <summary>How well probabilities tell how often labels are right, without refinement; null where it was not asked
    /// for.</summary>
    public CalibrationScore? Calibration { get; init; }

    /// <summary>The parameters of the refinement; null without refinement.</summary>
    public CrfSettings? Crf { get; init; }

    /// <summary>The scores of the same masks before refinement; null without refinement.</summary>
    public EvaluationReport? Unrefined { get; init; }

    /// <summary>Computes all scores from the counts, also those along boundaries.</summary>
    public static EvaluationReport Create(Tally tally, IReadOnlyList<string> names, AbsentClassRule absent)
    {
        IEnumerable<BandScore> bands = tally.Bands.Select((band, i) =>
            new BandScore(i + 1, Count(band), Defined(band.MeanIoU(absent)), Defined(band.PixelAccuracy)));
        return Create(tally.All, names, absent) with { Trimap = [.. bands] };
    }

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
        Enumerable.Range(0, matrix.Classes).Sum(
            truth => Enumerable.Range(0, matrix.Classes).Sum(prediction => matrix[truth, prediction]));

    // JSON has no NaN.
    private static double? Defined(double value)
    {
        if (double.IsNaN(value))
        {
            return null;
        }

        return value;
    }
}

/// <summary>The scores of one class; null for 0/0.</summary>
/// <param name="Index">The class index.</param>
/// <param name="Name">The class name.</param>
/// <param name="Iou">Intersection over union.</param>
/// <param name="Accuracy">Share of the class's pixels that were found.</param>
/// <param name="Dice">Dice coefficient.</param>
/// <param name="Share">The class's share of the counted pixels.</param>
internal sealed record ClassScore(int Index, string Name, double? Iou, double? Accuracy, double? Dice, double? Share);

/// <summary>The scores near true boundaries, a point of the trimap curve; null for 0/0.</summary>
/// <param name="Width">Largest Chebyshev distance to another class, in pixels.</param>
/// <param name="Pixels">Number of counted pixels.</param>
/// <param name="MeanIou">Mean of the classes' IoUs.</param>
/// <param name="PixelAccuracy">Share of the pixels with the right class.</param>
internal sealed record BandScore(int Width, long Pixels, double? MeanIou, double? PixelAccuracy);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true, Converters = [typeof(QualityWord)])]
[JsonSerializable(typeof(EvaluationReport))]
internal sealed partial class EvaluationJson : JsonSerializerContext;

/// <summary>Writes the CRF's quality in reports as options and queries spell it.</summary>
internal sealed class QualityWord() : JsonStringEnumConverter<CrfQuality>(JsonNamingPolicy.SnakeCaseLower);
