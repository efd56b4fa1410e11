using System.Buffers;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime;

/// <summary>The road of every image, and the only place that knows the order of its stages:
/// decode → preprocess → wait for a session and run it → postprocess → refine if asked, and encode once the caller says how.</summary>
/// <remarks>Each stage returns a buffer that it owns no more; all of them are disposed here. All but the wait runs on the caller's thread.</remarks>
public sealed class Segmenter(ModelRepository repository, ImageDecoder decoder, CrfRefiner refiner, Admission admission, SegmentationMetrics metrics)
{
    /// <summary>Lets a request in before anything is read or done for it.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="version">The number of a version that serves; null takes the newest.</param>
    /// <returns>The request's place, which the caller gives up once its answer is complete.</returns>
    /// <exception cref="SegmentationException">Unknown or unready model, or the server is full.</exception>
    public AdmittedRequest Admit(string? model, int? version = null)
    {
        ModelLease lease = repository.Lease(model, version);
        if (admission.TryEnter(out Admission.Permit permit))
        {
            return new AdmittedRequest(lease, permit);
        }

        lease.Dispose();
        throw new SegmentationException(SegmentationError.Overloaded, "The server is working on as many images as it may; try again in a moment.");
    }

    /// <summary>Segments one photograph.</summary>
    /// <param name="admitted">Of <see cref="Admit"/>; stays the caller's.</param>
    /// <param name="request">The photograph.</param>
    /// <param name="cancellationToken">Stops the work at the next stage, in the queue, or between two of the network's operators.</param>
    /// <returns>The mask at the photograph's size, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Everything that can go wrong, see <see cref="SegmentationError"/>.</exception>
    public async ValueTask<SegmentationResult> SegmentAsync(AdmittedRequest admitted, SegmentationRequest request, CancellationToken cancellationToken)
    {
        LoadedModel model = admitted.Model;
        CrfManifest? manifest = model.Manifest.Postprocess.Crf;
        CrfSettings? crf = request.Refine ?? manifest?.Default ?? false ? refiner.Resolve(manifest, request.Crf) : null;
        if ((request.WithConfidence || request.WithProbabilities || crf is not null) && !model.Postprocessor.HasScores)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, $"The graph of '{model.Name}' ends in labels, so it has no confidence to tell and nothing to refine.");
        }

        if (request.WithProbabilities && crf is not null)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, "Probabilities are the network's, before refinement; ask for either.");
        }

        RgbImage photo = Decode(request, cancellationToken);
        try
        {
            LabelMap labels = await LabelAsync(model, photo, request, crf, cancellationToken).ConfigureAwait(false);
            return new SegmentationResult(model, photo, labels, request.Timings);
        }
        catch
        {
            photo.Dispose();
            throw;
        }
    }

    /// <summary>Refines a result afterwards, as often as wanted: how parameters are compared without running the network again.</summary>
    /// <param name="result">Of a request with <see cref="SegmentationRequest.WithProbabilities"/>; stays as it is.</param>
    /// <param name="wanted">Parameters that differ from the manifest's.</param>
    /// <param name="cancellationToken">Stops the work between two iterations.</param>
    /// <returns>The refined mask, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">A parameter is outside of the limits, or the image needs too much memory.</exception>
    public ValueTask<LabelMap> RefineAsync(SegmentationResult result, CrfOverrides wanted, CancellationToken cancellationToken)
    {
        CrfSettings crf = refiner.Resolve(result.Model.Manifest.Postprocess.Crf, wanted);
        return RefineAsync(result.Model, result.Photo, result.Labels.Probabilities, withConfidence: false, result.Timings, crf, cancellationToken);
    }

    /// <summary>Writes a result in one format.</summary>
    /// <param name="result">Of this segmenter; not disposed.</param>
    /// <param name="parameters">The format, which needs a confidence only if the request asked for one.</param>
    /// <param name="output">Takes the bytes.</param>
    /// <returns>The media type of the bytes.</returns>
    public string Encode(SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        IMaskEncoder encoder = MaskEncoders.For(parameters.Format);
        using (result.Timings.Measure(Stage.Encode))
        {
            encoder.Encode(result, parameters, output);
        }

        metrics.Segmented(result.Model.Name, result.Labels.Size.Pixels);
        return encoder.ContentType;
    }

    private RgbImage Decode(SegmentationRequest request, CancellationToken cancellationToken)
    {
        using (request.Timings.Measure(Stage.Decode))
        {
            return decoder.Decode(request.Image, cancellationToken);
        }
    }

    private async ValueTask<LabelMap> LabelAsync(
        LoadedModel model, RgbImage photo, SegmentationRequest request, CrfSettings? crf, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        InputGeometry geometry = model.Preprocessor.Plan(photo.Size);
        using InputTensor input = Prepare(model, photo, geometry, request.Timings);
        using ModelOutput output = await model.Scheduler.RunAsync(input, request.Timings, cancellationToken).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        if (crf is not null)
        {
            using PooledBuffer<float> probabilities = Probabilities(model, output, geometry, request.Timings);
            return await RefineAsync(model, photo, probabilities.Memory, request.WithConfidence, request.Timings, crf, cancellationToken).ConfigureAwait(false);
        }

        using (request.Timings.Measure(Stage.Postprocess))
        {
            return model.Postprocessor.Compute(output, geometry, request.WithConfidence, request.WithProbabilities);
        }
    }

    private async ValueTask<LabelMap> RefineAsync(
        LoadedModel model, RgbImage photo, Memory<float> probabilities, bool withConfidence, StageTimings timings, CrfSettings crf, CancellationToken cancellationToken)
    {
        LabelMap map = new(photo.Size, withConfidence);
        try
        {
            using (timings.Measure(Stage.Crf))
            {
                await refiner.RefineAsync(probabilities, model.Postprocessor.Classes, photo.Pixels, map, crf, cancellationToken).ConfigureAwait(false);
            }

            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    private static PooledBuffer<float> Probabilities(LoadedModel model, ModelOutput output, in InputGeometry geometry, StageTimings timings)
    {
        using (timings.Measure(Stage.Postprocess))
        {
            return model.Postprocessor.Probabilities(output, geometry);
        }
    }

    private static InputTensor Prepare(LoadedModel model, RgbImage photo, in InputGeometry geometry, StageTimings timings)
    {
        using (timings.Measure(Stage.Preprocess))
        {
            return model.Preprocessor.Prepare(photo.Pixels.Span, geometry);
        }
    }
}
