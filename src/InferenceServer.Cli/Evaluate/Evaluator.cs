using InferenceServer.Cli.Hosting;
using InferenceServer.Kernels.Labeling;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Segments labelled images by the server's own road and counts the pixels in one matrix.</summary>
internal sealed class Evaluator(Segmenter segmenter, LoadedModel model, byte ignore, Refinement refinement)
{
    /// <summary>The counts over all images so far.</summary>
    public ConfusionMatrix Matrix { get; } = new(model.Classes.Names.Count);

    /// <summary>Pixels whose truth is no class and not the ignored label either; most often a sign of the wrong labels.</summary>
    public long UnknownLabels { get; private set; }

    /// <summary>Segments one image and counts it.</summary>
    /// <exception cref="CommandException">The image or the label cannot be used; a score without it would be another score.</exception>
    public async Task AddAsync(LabelPair pair, CancellationToken cancellationToken)
    {
        LabelPng truth = LabelPng.Decode(await File.ReadAllBytesAsync(pair.Label, cancellationToken).ConfigureAwait(false), pair.Label);
        SegmentationRequest request = new()
        {
            Image = await File.ReadAllBytesAsync(pair.Image, cancellationToken).ConfigureAwait(false),
            Refine = refinement.Refine,
            Crf = refinement.Crf,
        };
        using SegmentationResult result = await SegmentAsync(pair, request, cancellationToken).ConfigureAwait(false);
        if (result.Labels.Size != truth.Size)
        {
            throw new CommandException($"{pair.Label}: the label map has {truth.Size} pixels, its image '{pair.Image}' has {result.Labels.Size}.");
        }

        Matrix.Add(truth.Labels, result.Labels.Labels.Span, ignore);
        UnknownLabels += truth.Labels.LongCount(label => label != ignore && label >= Matrix.Classes);
    }

    private async Task<SegmentationResult> SegmentAsync(LabelPair pair, SegmentationRequest request, CancellationToken cancellationToken)
    {
        try
        {
            using AdmittedRequest admitted = segmenter.Admit(model.Name);
            return await segmenter.SegmentAsync(admitted, request, cancellationToken).ConfigureAwait(false);
        }
        catch (SegmentationException e)
        {
            throw new CommandException($"{pair.Image}: {e.Message}");
        }
    }
}
