using System.Text.Json;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Cli.Tests.Evaluate;

/// <summary>The worked example that the project's metrics are held against: three classes, 112 pixels of which 12 are void.</summary>
public sealed class EvaluationReportTests
{
    private static readonly long[][] Example = [[50, 3, 2], [4, 20, 1], [0, 5, 15]];

    [Fact]
    public void Create_WorkedExample_GivesItsNumbers()
    {
        EvaluationReport report = EvaluationReport.Create(Matrix(classes: 3), ["a", "b", "c"], AbsentClassRule.LeaveOut);

        Assert.Equal(100, report.Pixels);
        Assert.Equal(0.8500, report.PixelAccuracy!.Value, 4);
        Assert.Equal(0.8197, report.MeanAccuracy!.Value, 4);
        Assert.Equal(0.7019, report.MeanIou!.Value, 4);
        Assert.Equal(0.7481, report.FrequencyWeightedIou!.Value, 4);
        Assert.Equal(0.8205, report.MeanDice!.Value, 4);
        Assert.Equal([0.8475, 0.6061, 0.6522], report.Classes.Select(c => Math.Round(c.Iou!.Value, 4)));
        Assert.Equal([0.9091, 0.8000, 0.7500], report.Classes.Select(c => Math.Round(c.Accuracy!.Value, 4)));
        Assert.Equal([0.55, 0.25, 0.20], report.Classes.Select(c => c.Share!.Value));
        Assert.Equal(Example, report.Matrix);
    }

    [Theory]
    [InlineData(AbsentClassRule.LeaveOut, 0.7019)]
    [InlineData(AbsentClassRule.CountAsZero, 0.5264)]
    public void Create_FourthClassAbsent_FollowsTheRule(AbsentClassRule rule, double expected)
    {
        EvaluationReport report = EvaluationReport.Create(Matrix(classes: 4), ["a", "b", "c", "d"], rule);

        Assert.Equal(expected, report.MeanIou!.Value, 4);
        Assert.Null(report.Classes[3].Iou);
    }

    [Fact]
    public void Json_NoPixels_HasNullsAndNoNaN()
    {
        EvaluationReport report = EvaluationReport.Create(new ConfusionMatrix(2), ["a", "b"], AbsentClassRule.LeaveOut);

        using JsonDocument json = JsonDocument.Parse(JsonSerializer.Serialize(report, EvaluationJson.Default.EvaluationReport));

        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("mean_iou").ValueKind);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("classes")[0].GetProperty("share").ValueKind);
    }

    private static ConfusionMatrix Matrix(int classes)
    {
        List<byte> truth = [.. Enumerable.Repeat((byte)255, 12)];
        List<byte> prediction = [.. Enumerable.Repeat((byte)1, 12)];
        for (byte t = 0; t < Example.Length; t++)
        {
            for (byte p = 0; p < Example.Length; p++)
            {
                truth.AddRange(Enumerable.Repeat(t, (int)Example[t][p]));
                prediction.AddRange(Enumerable.Repeat(p, (int)Example[t][p]));
            }
        }

        ConfusionMatrix matrix = new(classes);
        matrix.Add(truth.ToArray(), prediction.ToArray());
        return matrix;
    }
}
