using System.Text.Json;

namespace InferenceServer.Cli.Evaluate;

/// <summary>The files that an evaluation writes.</summary>
/// <param name="Json">Gets all numbers; null: not wanted.</param>
/// <param name="TrimapPlot">Gets the curve of the scores along boundaries as SVG; null: not wanted.</param>
internal sealed record EvaluationFiles(string? Json, string? TrimapPlot)
{
    public async Task WriteAsync(EvaluationReport report, CancellationToken cancellationToken)
    {
        if (Json is not null)
        {
            byte[] json = JsonSerializer.SerializeToUtf8Bytes(report, EvaluationJson.Default.EvaluationReport);
            await File.WriteAllBytesAsync(Json, json, cancellationToken).ConfigureAwait(false);
        }

        if (TrimapPlot is not null)
        {
            await File.WriteAllTextAsync(TrimapPlot, Evaluate.TrimapPlot.Draw(report).ToString() + "\n", cancellationToken).ConfigureAwait(false);
        }
    }
}
