using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using InferenceServer.Runtime.Batching;
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
/// decode → preprocess → wait for an instance that runs it → postprocess → refine if asked, and encode once the caller says how.</summary>
/// <remarks>Each stage returns a buffer that it owns no more; all of them are disposed here. What computes on the processor waits for its turn; waiting holds no thread.</remarks>
public sealed class Segmenter(AdmissionControl admission, ImageDecoder decoder, CrfRefiner refiner, CpuStages cpu, SegmentationMetrics metrics)
{
    /// <inheritdoc cref="AdmissionControl.TryAdmit"/>
    public bool TryAdmit(in Arrival arrival, [NotNullWhen(true)] out AdmittedRequest? admitted, [NotNullWhen(false)] out SegmentationException? refusal) =>
        admission.TryAdmit(arrival, out admitted, out refusal);

    /// <summary>Lets a request in that somebody in this process makes, who waits as long as it takes.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="cancellationToken">Ends the request's work.</param>
    /// <returns>The request's place, which the caller gives up once the answer is complete.</returns>
    /// <exception cref="SegmentationException">Unknown or unready model, or the server is full.</exception>
    public AdmittedRequest Admit(string? model, CancellationToken cancellationToken) =>
        TryAdmit(new Arrival { Model = model, Timeout = Timeout.InfiniteTimeSpan, Caller = cancellationToken }, out AdmittedRequest? admitted, out SegmentationException? refusal)
            ? admitted : throw refusal;

    /// <summary>Segments one photograph.</summary>
    /// <param name="admitted">Of <see cref="AdmissionControl"/>; stays the caller's. Its token stops the work within a stage, in the queue, or between two of the network's operators.</param>
    /// <param name="request">The photograph.</param>
    /// <returns>The mask at the photograph's size, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Everything that can go wrong, see <see cref="SegmentationError"/>.</exception>
    public async ValueTask<SegmentationResult> SegmentAsync(AdmittedRequest admitted, SegmentationRequest request)
    {
        CrfSettings? crf = Refinement(admitted.Model, request);
        try
        {
            (RgbImage photo, InputGeometry geometry, InputTensor input) = await PrepareAsync(admitted, request).ConfigureAwait(false);
            try
            {
                using ModelOutput output = await InferAsync(admitted, input, request.Timings).ConfigureAwait(false);
                LabelMap labels = crf is null
                    ? await LabelAsync(admitted, output, geometry, request).ConfigureAwait(false)
                    : await RefineAsync(admitted, photo, output, geometry, request, crf).ConfigureAwait(false);
                return new SegmentationResult(admitted.Model, photo, labels, request.Timings);
            }
            catch
            {
                photo.Dispose();
                throw;
            }
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(request.Timings.Current);
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
    /// <param name="admitted">The request that it answers.</param>
    /// <param name="result">Of this segmenter; not disposed.</param>
    /// <param name="parameters">The format, which needs a confidence only if the request asked for one.</param>
    /// <param name="output">Takes the bytes.</param>
    /// <returns>The media type of the bytes.</returns>
    /// <exception cref="SegmentationException">The format cannot hold the result, or the time is up.</exception>
    public async ValueTask<string> EncodeAsync(AdmittedRequest admitted, SegmentationResult result, EncodingParameters parameters, IBufferWriter<byte> output)
    {
        IMaskEncoder encoder = MaskEncoders.For(parameters.Format);
        try
        {
            using CpuStages.Turn turn = await cpu.EnterAsync(result.Timings, admitted.Cancellation).ConfigureAwait(false);
            using (result.Timings.Measure(Stage.Encode))
            {
                encoder.Encode(result, parameters, output);
            }
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(result.Timings.Current);
        }

        metrics.Segmented(result.Model.Name, result.Labels.Size.Pixels);
        return encoder.ContentType;
    }

    private CrfSettings? Refinement(LoadedModel model, SegmentationRequest request)
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

    private async ValueTask<(RgbImage Photo, InputGeometry Geometry, InputTensor Input)> PrepareAsync(AdmittedRequest admitted, SegmentationRequest request)
    {
        Preprocessor preprocessor = admitted.Model.Preprocessor;
        using CpuStages.Turn turn = await cpu.EnterAsync(request.Timings, admitted.Cancellation, admitted.Model.Scheduler.Backlog).ConfigureAwait(false);
        RgbImage photo = Decode(admitted, request);
        try
        {
            admitted.Cancellation.ThrowIfCancellationRequested();
            InputGeometry geometry = preprocessor.Plan(photo.Size);
            using (request.Timings.Measure(Stage.Preprocess))
            {
                metrics.Padded(admitted.Model.Name, geometry.PadRatio);
                return (photo, geometry, preprocessor.Prepare(photo.Pixels.Span, geometry));
            }
        }
        catch
        {
            photo.Dispose();
            throw;
        }
    }

    private RgbImage Decode(AdmittedRequest admitted, SegmentationRequest request)
    {
        using (request.Timings.Measure(Stage.Decode))
        {
            using EncodedImage image = decoder.Open(request.Image);
            admitted.HoldPixels(image.Size.Pixels);
            return image.Decode(admitted.Cancellation);
        }
    }

    private static async ValueTask<ModelOutput> InferAsync(AdmittedRequest admitted, InputTensor input, StageTimings timings)
    {
        using (input)
        {
            ModelOutput output = await admitted.Model.Scheduler.RunAsync(input, new RunContext(admitted.Priority, timings), admitted.Cancellation).ConfigureAwait(false);
            admitted.LeaveBacklog();
            return output;
        }
    }

    private async ValueTask<LabelMap> LabelAsync(AdmittedRequest admitted, ModelOutput output, InputGeometry geometry, SegmentationRequest request)
    {
        using CpuStages.Turn turn = await cpu.EnterAsync(request.Timings, admitted.Cancellation).ConfigureAwait(false);
        using (request.Timings.Measure(Stage.Postprocess))
        {
            return admitted.Model.Postprocessor.Compute(output, geometry, request.WithConfidence, request.WithProbabilities);
        }
    }

    private async ValueTask<LabelMap> RefineAsync(
        AdmittedRequest admitted, RgbImage photo, ModelOutput output, InputGeometry geometry, SegmentationRequest request, CrfSettings crf)
    {
        using PooledBuffer<float> probabilities = await ProbabilitiesAsync(admitted, output, geometry, request.Timings).ConfigureAwait(false);
        return await RefineAsync(admitted.Model, photo, probabilities.Memory, request.WithConfidence, request.Timings, crf, admitted.Cancellation).ConfigureAwait(false);
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

    private async ValueTask<PooledBuffer<float>> ProbabilitiesAsync(AdmittedRequest admitted, ModelOutput output, InputGeometry geometry, StageTimings timings)
    {
        using CpuStages.Turn turn = await cpu.EnterAsync(timings, admitted.Cancellation).ConfigureAwait(false);
        using (timings.Measure(Stage.Postprocess))
        {
            return admitted.Model.Postprocessor.Probabilities(output, geometry);
        }
    }
}
