using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Kernels.Tests.Metrics;

/// <summary>A worked example with three classes, 100 valid pixels and 12 void pixels.</summary>
public sealed class ConfusionMatrixTests
{
    private static readonly int[,] Example = { { 50, 3, 2 }, { 4, 20, 1 }, { 0, 5, 15 } };

    [Fact]
    public void Metrics_WorkedExample_HaveTheValuesOfTheExample()
    {
        ConfusionMatrix matrix = Build(3);

        Assert.Equal(0.8500, matrix.PixelAccuracy, 4);
        Assert.Equal(0.8197, matrix.MeanAccuracy(), 4);
        Assert.Equal(0.7019, matrix.MeanIoU(), 4);
        Assert.Equal(0.7481, matrix.FrequencyWeightedIoU, 4);
        Assert.Equal(0.8205, matrix.MeanDice(), 4);
        Assert.Equal([0.8475, 0.6061, 0.6522], matrix.IoU().Select(value => Math.Round(value, 4)));
        Assert.Equal([0.9091, 0.8000, 0.7500], matrix.Accuracy().Select(value => Math.Round(value, 4)));
        Assert.Equal([0.9174, 0.7547, 0.7895], matrix.Dice().Select(value => Math.Round(value, 4)));
    }

    [Fact]
    public void MeanIoU_FourthClassAbsent_DependsOnTheRule()
    {
        ConfusionMatrix matrix = Build(4);

        Assert.Equal(0.7019, matrix.MeanIoU(), 4);
        Assert.Equal(0.5264, matrix.MeanIoU(AbsentClassRule.CountAsZero), 4);
        Assert.True(double.IsNaN(matrix.IoU()[3]) && double.IsNaN(matrix.Accuracy()[3]) && double.IsNaN(matrix.Dice()[3]));
    }

    [Fact]
    public void IoU_ClassPredictedButNotInTruth_IsZeroAndCounted()
    {
        ConfusionMatrix matrix = new(2);
        matrix.Add([0, 0], [0, 1]);

        Assert.Equal([0.5, 0], matrix.IoU());
        Assert.Equal(0.25, matrix.MeanIoU());
    }

    [Fact]
    public void Add_PredictionOutsideTheClasses_CountsAgainstTheTruthOnly()
    {
        ConfusionMatrix matrix = new(2);
        matrix.Add([0, 0, 1, 1], [0, 200, 1, 255]);

        Assert.Equal([0.5, 0.5], matrix.IoU());
        Assert.Equal(0.5, matrix.PixelAccuracy);
    }

    [Fact]
    public void Add_TruthIgnoredOrOutsideTheClasses_IsSkipped()
    {
        ConfusionMatrix matrix = new(2);
        matrix.Add([0, 1, 2, 255], [0, 0, 0, 0], ignore: 1);

        Assert.Equal(1, matrix.PixelAccuracy);
        Assert.Equal(1, matrix[0, 0]);
        Assert.Equal(0, matrix[1, 0]);
    }

    [Fact]
    public void Add_FromManyThreads_LosesNothing()
    {
        ConfusionMatrix total = new(3);
        Parallel.For(0, 64, i =>
        {
            if (i % 2 == 0)
            {
                total.Add(Build(3));
            }
            else
            {
                total.Add([0, 1], [0, 1]);
            }
        });

        Assert.Equal((50 * 32) + 32, total[0, 0]);
        Assert.Equal((20 * 32) + 32, total[1, 1]);
    }

    [Fact]
    public void Metrics_NothingAdded_AreNaN()
    {
        ConfusionMatrix matrix = new(2);
        Assert.True(double.IsNaN(matrix.PixelAccuracy) && double.IsNaN(matrix.MeanIoU()) && double.IsNaN(matrix.FrequencyWeightedIoU));
    }

    [Fact]
    public void Add_DifferentClasses_Throws() =>
        Assert.ThrowsAny<ArgumentException>(() => new ConfusionMatrix(2).Add(new ConfusionMatrix(3)));

    private static ConfusionMatrix Build(int classes)
    {
        List<byte> truth = [.. Enumerable.Repeat((byte)255, 12)], prediction = [.. Enumerable.Repeat((byte)1, 12)];
        for (int t = 0; t < 3; t++)
        {
            for (int p = 0; p < 3; p++)
            {
                truth.AddRange(Enumerable.Repeat((byte)t, Example[t, p]));
                prediction.AddRange(Enumerable.Repeat((byte)p, Example[t, p]));
            }
        }

        ConfusionMatrix matrix = new(classes);
        matrix.Add(truth.ToArray(), prediction.ToArray());
        return matrix;
    }
}
