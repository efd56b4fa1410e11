using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime.Refinement;

/// <summary>The stage after the network's labels: whether a request is refined by a CRF, and by which parameters.</summary>
public sealed class MaskRefinement(CrfRefiner refiner)
{
    /// <summary>How a request is refined; null where it is not.</summary>
    /// <exception cref="SegmentationException">A parameter is outside of the limits, or the graph has nothing to refine.</exception>
    internal CrfSettings? Resolve(LoadedModel model, SegmentationRequest request)
    {
        CrfManifest? manifest = model.Manifest.Postprocess.Crf;
        CrfSettings? crf = request.Refine ?? manifest?.Default ?? false ? refiner.Resolve(manifest, request.Crf) : null;
        if ((request.WithConfidence || request.WithProbabilities || crf is not null) && !model.Postprocessor.HasScores)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, $"The graph of '{model.Name}' ends in labels, so it has no confidence to tell and nothing to refine.");
        }

        return request.WithProbabilities && crf is not null
            ? throw new SegmentationException(SegmentationError.InvalidRequest, "Probabilities are the network's, before refinement; ask for either.")
            : crf;
    }

    /// <inheritdoc cref="CrfRefiner.Resolve"/>
    internal CrfSettings Resolve(CrfManifest? manifest, CrfOverrides wanted) => refiner.Resolve(manifest, wanted);

    /// <summary>Refines a request's mask and lets the unrefined one go.</summary>
    internal async ValueTask<Mask> ReplaceAsync(AdmittedRequest admitted, RgbImage photo, Mask labels, SegmentationRequest request, CrfSettings crf)
    {
        using (labels)
        {
            return await RefineAsync(admitted.Model, photo, labels, request.WithConfidence, crf, request.Timings, admitted.Cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Refines a mask.</summary>
    /// <param name="model">The model that made it.</param>
    /// <param name="photo">The photograph.</param>
    /// <param name="labels">The mask, with probabilities; not disposed. Where a confidence is wanted, the probabilities are overwritten.</param>
    /// <param name="withConfidence">Whether the refined probability of each pixel's class is wanted.</param>
    /// <param name="crf">Of <see cref="Resolve(LoadedModel, SegmentationRequest)"/>.</param>
    /// <param name="timings">Gets the time.</param>
    /// <param name="cancellationToken">Stops the work between two iterations.</param>
    /// <returns>The refined mask, which the caller disposes.</returns>
    internal async ValueTask<Mask> RefineAsync(
        LoadedModel model, RgbImage photo, Mask labels, bool withConfidence, CrfSettings crf, StageTimings timings, CancellationToken cancellationToken)
    {
        Mask map = new(photo.Size, withConfidence);
        try
        {
            using (timings.Measure(Stage.Crf))
            {
                await refiner.RefineAsync(labels.Probabilities, model.Postprocessor.Classes, photo.Pixels, map, crf, cancellationToken).ConfigureAwait(false);
            }

            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }
}
