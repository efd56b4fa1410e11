using System.Diagnostics;
using System.Globalization;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Hosting;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>Keeps the network's probabilities for the labelled images, so that a trial of a setting runs only the
/// CRF.</summary>
internal sealed class TuningSet(Segmenter segmenter, LoadedModel model, byte ignore) : IDisposable
{
    private const double MemoryShare = 0.5;
    private readonly List<TuningImage> _images = [];

    /// <summary>The images in the order of their addition.</summary>
    public IReadOnlyList<TuningImage> Images => _images;

    /// <summary>Pixels whose label is neither a class nor void.</summary>
    public UnknownLabels Unknown { get; } = new(model.Classes.Names.Count, ignore);

    /// <summary>Runs the network on an image and keeps the result.</summary>
    /// <param name="pair">The image and its label.</param>
    /// <param name="planned">The number of all images; all must fit into memory.</param>
    /// <param name="cancellationToken">Cancels the network.</param>
    /// <exception cref="CommandException">The image or the label cannot be used, or the images do not fit into
    /// memory.</exception>
    public async Task AddAsync(LabelPair pair, int planned, CancellationToken cancellationToken)
    {
        LabelPng truth = await pair.ReadLabelAsync(cancellationToken).ConfigureAwait(false);
        SegmentationRequest request = new()
        {
            Image = await File.ReadAllBytesAsync(pair.Image, cancellationToken).ConfigureAwait(false),
            Settings = new SegmentSettings { Refine = false },
            WithImage = true,
            WithProbabilities = true,
        };
        try
        {
            using AdmittedRequest admitted = segmenter.Admit(model.Name, cancellationToken);
            SegmentationResult result = await segmenter.SegmentAsync(admitted, request).ConfigureAwait(false);
            _images.Add(new TuningImage(result, truth));
            Unknown.Add(truth);
            if (result.Mask.Size != truth.Size)
            {
                throw new CommandException(
                    $"{pair.Label}: expected {result.Mask.Size} pixels, as its image '{pair.Image}' has, got "
                    + $"{truth.Size}.");
            }
        }
        catch (SegmentationException e)
        {
            throw new CommandException($"{pair.Image}: {e.Message}");
        }

        double pixels = _images.Average(image => (double)image.Truth.Labels.Length) * planned;
        double bytes = pixels * ((sizeof(float) * model.Classes.Names.Count) + 5);
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * MemoryShare)
        {
            string gib = (bytes / (1L << 30)).ToString("F1", CultureInfo.InvariantCulture);
            throw new CommandException(
                $"The probabilities of {planned} images need {gib} GiB, more than half of the memory. "
                + "Use fewer images with --sample.");
        }
    }

    /// <summary>Mean IoU without refinement; NaN where no label is a class.</summary>
    public double Score()
    {
        ConfusionMatrix matrix = new(model.Classes.Names.Count);
        foreach (TuningImage image in _images)
        {
            matrix.Add(image.Truth.Labels, image.Result.Mask.Labels.Span, ignore);
        }

        return matrix.MeanIoU();
    }

    /// <summary>Mean IoU with refinement. Several images are refined at a time, each on one thread, which is faster
    /// than one image on all threads.</summary>
    /// <param name="setting">The CRF's parameters.</param>
    /// <param name="every">1 for all images, 3 for every third.</param>
    /// <param name="advance">Called after each image, from several threads.</param>
    /// <param name="cancellationToken">Cancels between two iterations.</param>
    public async Task<CrfScore> ScoreAsync(
        CrfOverrides setting, int every, Action advance, CancellationToken cancellationToken)
    {
        ConfusionMatrix matrix = new(model.Classes.Names.Count);
        TuningImage[] images = [.. _images.Where((_, i) => i % every == 0)];
        long ticks = 0;
        await Parallel.ForEachAsync(images, cancellationToken, async (image, ct) =>
        {
            long start = Stopwatch.GetTimestamp();
            using Mask refined = await segmenter.RefineAsync(image.Result, setting, ct).ConfigureAwait(false);
            Interlocked.Add(ref ticks, Stopwatch.GetElapsedTime(start).Ticks);
            matrix.Add(image.Truth.Labels, refined.Labels.Span, ignore);
            advance();
        }).ConfigureAwait(false);
        return new CrfScore(setting, matrix.MeanIoU(), TimeSpan.FromTicks(ticks / images.Length));
    }

    public void Dispose() => _images.ForEach(image => image.Dispose());
}

/// <summary>The network's result for an image, and the truth.</summary>
/// <param name="Result">Image, labels and probabilities.</param>
/// <param name="Truth">The label map, of the same size.</param>
internal sealed record TuningImage(SegmentationResult Result, LabelPng Truth) : IDisposable
{
    public void Dispose() => Result.Dispose();
}
