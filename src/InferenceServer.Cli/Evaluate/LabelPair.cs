using System.Text.Json;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Decoding;

namespace InferenceServer.Cli.Evaluate;

/// <summary>An image and its truth.</summary>
/// <param name="Image">The image's path.</param>
/// <param name="Label">The label map's path.</param>
internal sealed record LabelPair(string Image, string Label)
{
    private const int Shown = 5;

    /// <summary>Pairs every image with the PNG of the same base name. Labels without an image are ignored.</summary>
    /// <exception cref="CommandException">A folder or a label is missing, or two images have the same base
    /// name.</exception>
    public static IReadOnlyList<LabelPair> Find(string images, string labels)
    {
        foreach (string folder in new[] { images, labels })
        {
            if (!Directory.Exists(folder))
            {
                throw new CommandException($"Expected a folder '{folder}', found none.");
            }
        }

        string Label(string image) => Path.Combine(labels, Path.GetFileNameWithoutExtension(image) + ".png");
        LabelPair[] pairs = [.. ImageFiles.Expand([images]).Select(image => new LabelPair(image, Label(image)))];
        if (pairs.GroupBy(pair => pair.Label).FirstOrDefault(group => group.Count() > 1)?.ToArray() is [var first, var second, ..])
        {
            throw new CommandException(
                $"'{first.Image}' and '{second.Image}' would share the label '{first.Label}'. "
                + "Give the images different names.");
        }

        string[] missing = [.. pairs.Where(pair => !File.Exists(pair.Label)).Select(pair => Path.GetFileName(pair.Label))];
        if (missing.Length > 0)
        {
            string more = missing.Length > Shown ? ", …" : "";
            string names = string.Join(", ", missing.Take(Shown));
            throw new CommandException(
                $"Expected a label for each image in '{labels}', {missing.Length} of {pairs.Length} have none: "
                + $"{names}{more}");
        }

        return pairs;
    }

    /// <summary>Reads the label map.</summary>
    /// <exception cref="CommandException">The file is no label map.</exception>
    public async Task<LabelPng> ReadLabelAsync(CancellationToken cancellationToken)
    {
        byte[] file = await File.ReadAllBytesAsync(Label, cancellationToken).ConfigureAwait(false);
        try
        {
            return LabelPng.Decode(file);
        }
        catch (InvalidDataException e)
        {
            throw new CommandException($"{Label}: {e.Message}");
        }
    }
}

/// <summary>The files that an evaluation writes.</summary>
/// <param name="Json">The file for all numbers; null for none.</param>
/// <param name="TrimapPlot">The file for the curve of the scores along boundaries, as SVG; null for none.</param>
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
            string svg = Evaluate.TrimapPlot.Draw(report).ToString() + "\n";
            await File.WriteAllTextAsync(TrimapPlot, svg, cancellationToken).ConfigureAwait(false);
        }
    }
}

/// <summary>Counts pixels whose label is neither a class nor void: usually a sign of wrong labels.</summary>
internal sealed class UnknownLabels(int classes, byte ignore)
{
    private long _pixels;

    /// <summary>Counts the pixels of a label map.</summary>
    public void Add(LabelPng truth) => _pixels += truth.Labels.LongCount(label => label != ignore && label >= classes);

    /// <summary>Prints the number of pixels, if any.</summary>
    public void Print(Terminal terminal)
    {
        if (_pixels > 0)
        {
            terminal.Note(
                $"{_pixels:N0} labelled pixels were skipped: "
                + $"their label is neither a class (0 to {classes - 1}) nor {ignore}.");
        }
    }
}
