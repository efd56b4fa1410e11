using System.Text.Json;
using InferenceServer.Cli.Hosting;

namespace InferenceServer.Cli.Evaluate;

/// <summary>An image and its truth.</summary>
/// <param name="Image">The image's path.</param>
/// <param name="Label">The label map's path.</param>
internal sealed record LabelPair(string Image, string Label)
{
    private const int Shown = 5;

    /// <summary>Pairs every image with the PNG of the same base name; labels without an image are left alone.</summary>
    /// <exception cref="CommandException">A folder or a label is missing, or two images have the same base name.</exception>
    public static IReadOnlyList<LabelPair> Find(string images, string labels)
    {
        foreach (string folder in new[] { images, labels })
        {
            if (!Directory.Exists(folder))
            {
                throw new CommandException($"There is no folder '{folder}'.");
            }
        }

        LabelPair[] pairs = [.. ImageFiles.Expand([images]).Select(image => new LabelPair(image, Path.Combine(labels, Path.GetFileNameWithoutExtension(image) + ".png")))];
        if (pairs.GroupBy(pair => pair.Label).FirstOrDefault(group => group.Count() > 1)?.ToArray() is [var first, var second, ..])
        {
            throw new CommandException($"'{first.Image}' and '{second.Image}' would share the label '{first.Label}'.");
        }

        string[] missing = [.. pairs.Where(pair => !File.Exists(pair.Label)).Select(pair => Path.GetFileName(pair.Label))];
        if (missing.Length > 0)
        {
            string more = missing.Length > Shown ? ", …" : "";
            throw new CommandException($"{missing.Length} of {pairs.Length} images have no label in '{labels}': {string.Join(", ", missing.Take(Shown))}{more}");
        }

        return pairs;
    }
}

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

/// <summary>Pixels whose truth is no class and not the ignored label either; most often a sign of the wrong labels.</summary>
internal sealed class UnknownLabels(int classes, byte ignore)
{
    private long _pixels;

    /// <summary>Counts those of one label map.</summary>
    public void Add(LabelPng truth) => _pixels += truth.Labels.LongCount(label => label != ignore && label >= classes);

    /// <summary>Says how many there were, if any.</summary>
    public void Tell(Terminal terminal)
    {
        if (_pixels > 0)
        {
            terminal.Note($"{_pixels:N0} labelled pixels were skipped: their label is neither a class (0 to {classes - 1}) nor {ignore}.");
        }
    }
}
