using System.Text.Json;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Kernels;

namespace InferenceServer.Cli.Tests.Evaluate;

public sealed class CalibrationTests : IDisposable
{
    private static readonly ImageSize Size = new(400, 400);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Of 10,000 pixels that count, 60 % are right; the network says 90 %.
    [Fact]
    public void Score_TooSure_GivesTheErrorAndTheTemperature()
    {
        Calibration calibration = new(classes: 2);
        byte[] truth = new byte[Size.Pixels];
        for (int i = 0; i < truth.Length; i++)
        {
            int x = i % Size.Width / 4;
            truth[i] = (byte)(x % 5 < 3 ? 1 : 0);
        }

        calibration.Add(truth, Size, Probabilities(0.9f), ignore: 255);

        CalibrationScore score = calibration.Score(temperature: 1)!;
        Assert.Equal(0.3, score.Error, 1e-6);
        // 60 % is the sigmoid of ln 1.5, and 90 % that of ln 9; 5.4 is beyond the largest factor, 4.
        Assert.Equal((1f, 4.0, true), (score.Temperature, score.BestTemperature, score.IsBound));
        double atFour = 1 / (1 + Math.Exp(-Math.Log(9) / 4));
        Assert.Equal(atFour - 0.6, score.BestError, 1e-4);
    }

    [Fact]
    public void Score_Calibrated_IsWithoutErrorAtItsOwnTemperature()
    {
        Calibration calibration = new(classes: 2);
        byte[] truth = [.. Enumerable.Range(0, (int)Size.Pixels).Select(i => (byte)(i % Size.Width / 4 % 5 < 4 ? 1 : 0))];

        calibration.Add(truth, Size, Probabilities(0.8f), ignore: 255);

        CalibrationScore score = calibration.Score(temperature: 2)!;
        Assert.Equal((2f, 2.0, false), (score.Temperature, score.BestTemperature, score.IsBound));
        Assert.Equal(0, score.Error, 1e-5);
    }

    [Fact]
    public void Score_OnlyVoid_IsNone()
    {
        Calibration calibration = new(classes: 2);
        calibration.Add(Enumerable.Repeat((byte)255, (int)Size.Pixels).ToArray(), Size, Probabilities(0.5f), ignore: 255);

        Assert.Null(calibration.Score(1));
    }

    [Fact]
    public async Task Evaluate_Calibration_IsPrintedAndReported()
    {
        _folder.WritePhoto("images/green.png", 8, 8, 10, 200, 30);
        _folder.WriteLabels("labels/green.png", [.. Enumerable.Repeat((byte)1, 64)], 8);

        (int exitCode, string output, string error) = await Cli.RunAsync(
            "evaluate", "--models", Cli.Models, "--model", "tiny", "--images", _folder["images"], "--labels", _folder["labels"],
            "--calibration", "--json", _folder["report.json"]);

        Assert.Equal((0, ""), (exitCode, error));
        Assert.Contains("Calibration error", output, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(_folder["report.json"]));
        JsonElement score = json.RootElement.GetProperty("calibration");
        Assert.Equal(1, score.GetProperty("temperature").GetDouble());
        Assert.Equal(0.25, score.GetProperty("best_temperature").GetDouble()); // all is right: the surer, the likelier
        Assert.InRange(score.GetProperty("best_error").GetDouble(), 0, score.GetProperty("error").GetDouble());
    }

    private static float[] Probabilities(float second) =>
        [.. Enumerable.Repeat(1 - second, (int)Size.Pixels), .. Enumerable.Repeat(second, (int)Size.Pixels)];
}
