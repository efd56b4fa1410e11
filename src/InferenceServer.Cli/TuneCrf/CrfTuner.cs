using System.Globalization;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Refinement;
using Spectre.Console;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>Runs the network once on each image, then the search on its probabilities.</summary>
/// <param name="set">Receives the images.</param>
/// <param name="terminal">Receives progress and results.</param>
/// <param name="mostIterations">Most iterations that the runtime allows.</param>
internal sealed class CrfTuner(TuningSet set, Terminal terminal, int mostIterations)
{
    // Each iteration costs time in every request, and the last iterations gain little.
    private const double WorthAnIteration = 0.0005;
    private const double VocPixels = 500 * 375;

    /// <summary>Mean IoU without refinement.</summary>
    public double Before { get; private set; }

    /// <summary>Finds the best setting: the setting with the fewest iterations within 0.05 points of the highest mean
    /// IoU.</summary>
    /// <param name="pairs">The images and labels.</param>
    /// <param name="start">The setting that the search starts from.</param>
    /// <param name="held">Parameters that the search keeps.</param>
    /// <param name="cancellationToken">Cancels the search.</param>
    /// <exception cref="CommandException">An image or a label cannot be used, or no label is a class of the
    /// model.</exception>
    public async Task<CrfScore> RunAsync(
        IReadOnlyList<LabelPair> pairs, CrfSettings start, CrfOverrides held, CancellationToken cancellationToken)
    {
        await terminal.TrackAsync("Network", pairs.Count, async advance =>
        {
            foreach (LabelPair pair in pairs)
            {
                await set.AddAsync(pair, pairs.Count, cancellationToken).ConfigureAwait(false);
                advance();
            }
        }).ConfigureAwait(false);
        set.Unknown.Print(terminal);
        Before = set.Score();
        if (double.IsNaN(Before))
        {
            throw new CommandException(
                "Expected labels that are classes of the model, found none. "
                + "Check --labels, and that --ignore is the void label.");
        }

        terminal.Note($"Network alone, {pairs.Count} images: mean IoU {Percent(Before)} %");
        double scale = Math.Sqrt(set.Images.Average(image => image.Truth.Size.Pixels) / VocPixels);
        CrfGrid grid = new(All(start), held, scale);
        CrfSearch search = new(
            grid, (stage, settings, every) => ScoreAsync(stage, settings, every, cancellationToken), Report);
        int[] iterations = held.Iterations is null ? [(start.Iterations + 1) / 2, Math.Min(2 * start.Iterations, mostIterations)] : [];
        IReadOnlyList<CrfScore> finalists = await search.RunAsync(start.Quality, iterations).ConfigureAwait(false);
        WriteTable(finalists);
        return finalists
            .Where(s => s.MeanIou >= finalists[0].MeanIou - WorthAnIteration)
            .OrderBy(s => s.Setting.Iterations).ThenByDescending(s => s.MeanIou)
            .First();
    }

    private static CrfOverrides All(CrfSettings settings) => new()
    {
        Iterations = settings.Iterations,
        GaussianWeight = settings.Gaussian.Weight,
        GaussianXy = settings.Gaussian.Xy,
        BilateralWeight = settings.Bilateral.Weight,
        BilateralXy = settings.Bilateral.Xy,
        BilateralRgb = settings.Bilateral.Rgb,
    };

    private async Task<IReadOnlyList<CrfScore>> ScoreAsync(
        string stage, IReadOnlyList<CrfOverrides> settings, int every, CancellationToken cancellationToken)
    {
        List<CrfScore> scores = [];
        int images = (set.Images.Count + every - 1) / every;
        await terminal.TrackAsync($"{stage}, {settings.Count} settings", settings.Count * images, async advance =>
        {
            foreach (CrfOverrides setting in settings)
            {
                try
                {
                    scores.Add(await set.ScoreAsync(setting, every, advance, cancellationToken).ConfigureAwait(false));
                }
                catch (SegmentationException)
                {
                    // The standard deviations are so small that the lattice does not fit into memory.
                    scores.Add(new CrfScore(setting, 0, TimeSpan.Zero));
                }
            }
        }).ConfigureAwait(false);
        return scores;
    }

    private void Report(string stage, CrfScore best) =>
        terminal.Note($"{stage}: mean IoU {Percent(best.MeanIou)} % by {Describe(best.Setting)}");

    private void WriteTable(IReadOnlyList<CrfScore> scores)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn("Setting")
            .AddColumn(new TableColumn("Mean IoU %").RightAligned())
            .AddColumn(new TableColumn("gain").RightAligned())
            .AddColumn(new TableColumn("ms on one thread").RightAligned())
            .AddRow("network alone", Percent(Before));
        foreach (CrfScore score in scores)
        {
            string gain = ((score.MeanIou - Before) * 100).ToString("+0.00;−0.00", CultureInfo.InvariantCulture);
            string ms = score.Time.TotalMilliseconds.ToString("F0", CultureInfo.InvariantCulture);
            table.AddRow(Describe(score.Setting), Percent(score.MeanIou), gain, ms);
        }

        terminal.Out.Write(table);
    }

    private static string Describe(CrfOverrides setting) => CrfSettings.Create(null, setting).ToString();

    private static string Percent(double value) => (value * 100).ToString("F2", CultureInfo.InvariantCulture);
}
