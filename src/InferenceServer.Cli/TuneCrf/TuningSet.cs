using System.Diagnostics;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Hosting;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Cli.TuneCrf;

/// <summary>What the network made of the labelled images, kept so that each setting costs nothing but the CRF.</summary>
internal sealed class TuningSet(Segmenter segmenter, LoadedModel model, byte ignore) : IDisposable
{
    private const double MemoryShare = 0.5;
    private readonly List<TuningImage> _images = [];

    /// <summary>The images in the order in which they were added.</summary>
    public IReadOnlyList<TuningImage> Images => _images;

    /// <summary>Their pixels that count for nothing.</summary>
    public UnknownLabels Unknown { get; } = new(model.Classes.Names.Count, ignore);

    /// <summary>Runs the network on one image.</summary>
    /// <param name="pair">The image.</param>
    /// <param name="planned">How many there are going to be, which must fit into memory.</param>
    /// <param name="cancellationToken">Stops the network.</param>
    /// <exception cref="CommandException">The image or the label cannot be used, or so many do not fit.</exception>
    public async Task AddAsync(LabelPair pair, int planned, CancellationToken cancellationToken)
    {
        LabelPng truth = LabelPng.Decode(await File.ReadAllBytesAsync(pair.Label, cancellationToken).ConfigureAwait(false), pair.Label);
        SegmentationRequest request = new()
        {
            Image = await File.ReadAllBytesAsync(pair.Image, cancellationToken).ConfigureAwait(false),
            Settings = new SegmentSettings { Refine = false },
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
                throw new CommandException($"{pair.Label}: the label map has {truth.Size} pixels, its image '{pair.Image}' has {result.Mask.Size}.");
            }
        }
        catch (SegmentationException e)
        {
            throw new CommandException($"{pair.Image}: {e.Message}");
        }

        double bytes = _images.Average(image => (double)image.Truth.Labels.Length) * planned * ((sizeof(float) * model.Classes.Names.Count) + 5);
        if (bytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * MemoryShare)
        {
            throw new CommandException(FormattableString.Invariant($"The probabilities of {planned} images take {bytes / (1L << 30):F1} GiB; take fewer with --sample."));
        }
    }

    /// <summary>Mean IoU of the network alone; NaN where no labelled pixel is of a class.</summary>
    public double Score()
    {
        ConfusionMatrix matrix = new(model.Classes.Names.Count);
        foreach (TuningImage image in _images)
        {
            matrix.Add(image.Truth.Labels, image.Result.Mask.Labels.Span, ignore);
        }

        return matrix.MeanIoU();
    }

    /// <summary>Mean IoU after refinement, of several images at a time: one thread each is quicker than all on one.</summary>
    /// <param name="setting">The CRF's parameters.</param>
    /// <param name="every">1 takes all images, 3 every third.</param>
    /// <param name="advance">Called after each image, from several threads.</param>
    /// <param name="cancellationToken">Stops between two iterations.</param>
    public async Task<CrfScore> ScoreAsync(CrfOverrides setting, int every, Action advance, CancellationToken cancellationToken)
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

/// <summary>An image that the network has seen, and its truth.</summary>
/// <param name="Result">Photograph, labels and probabilities.</param>
/// <param name="Truth">Of the same size.</param>
internal sealed record TuningImage(SegmentationResult Result, LabelPng Truth) : IDisposable
{
    public void Dispose() => Result.Dispose();
}
