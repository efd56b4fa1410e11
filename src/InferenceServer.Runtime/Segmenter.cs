using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime;

/// <summary>The road of every image, and the only place that knows the order of its stages:
/// decode → preprocess → wait for an instance that runs it → postprocess → refine if asked, and encode once the caller says how.
/// Where a request takes several passes, the middle three are <see cref="PassRunner"/>'s.</summary>
/// <remarks>Each stage returns a buffer that it owns no more; all of them are disposed here. What computes on the processor waits for its turn; waiting holds no thread.</remarks>
public sealed class Segmenter(
    AdmissionControl admission, PassPolicy modes, ImageDecoder decoder, PassRunner passes, MaskRefinement refinement, CpuGate cpu, SegmentationMetrics metrics)
{
    /// <inheritdoc cref="AdmissionControl.TryAdmit"/>
    public bool TryAdmit(in AdmissionRequest arrival, [NotNullWhen(true)] out AdmittedRequest? admitted, [NotNullWhen(false)] out SegmentationException? refusal) =>
        admission.TryAdmit(arrival, out admitted, out refusal);

    /// <inheritdoc cref="AdmissionControl.TryAdmitTo"/>
    public bool TryAdmitTo(ModelLease held, in AdmissionRequest arrival, [NotNullWhen(true)] out AdmittedRequest? admitted, [NotNullWhen(false)] out SegmentationException? refusal) =>
        admission.TryAdmitTo(held, arrival, out admitted, out refusal);

    /// <summary>Lets a request in that somebody in this process makes, who waits as long as it takes.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="cancellationToken">Ends the request's work.</param>
    /// <returns>The request's place, which the caller gives up once the answer is complete.</returns>
    /// <exception cref="SegmentationException">Unknown or unready model, or the server is full.</exception>
    public AdmittedRequest Admit(string? model, CancellationToken cancellationToken) =>
        TryAdmit(new AdmissionRequest { Model = model, Timeout = Timeout.InfiniteTimeSpan, Caller = cancellationToken }, out AdmittedRequest? admitted, out SegmentationException? refusal)
            ? admitted : throw refusal;

    /// <summary>Segments one photograph.</summary>
    /// <param name="admitted">Of <see cref="AdmissionControl"/>; stays the caller's. Its token stops the work within a stage, in the queue, or between two of the network's operators.</param>
    /// <param name="request">The photograph.</param>
    /// <returns>The mask at the photograph's size, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Everything that can go wrong, see <see cref="SegmentationError"/>.</exception>
    public async ValueTask<SegmentationResult> SegmentAsync(AdmittedRequest admitted, SegmentationRequest request)
    {
        CrfSettings? crf = refinement.Resolve(admitted.Model, request);
        PassSettings settings = modes.Resolve(admitted.Model.Manifest, admitted.Model.Passes, request.Inference);
        SegmentationRequest asked = crf is null ? request : request with { WithConfidence = false, WithProbabilities = true };
        try
        {
            (RgbImage photo, PassPlan plan, InputTensor? input) = await PrepareAsync(admitted, asked, settings).ConfigureAwait(false);
            try
            {
                Mask labels = input is null
                    ? await passes.RunAsync(admitted, photo, plan, asked).ConfigureAwait(false)
                    : await LabelAsync(admitted, input, plan.Whole, asked).ConfigureAwait(false);
                return new SegmentationResult(
                    admitted.Model, photo, crf is null ? labels : await refinement.ReplaceAsync(admitted, photo, labels, request, crf).ConfigureAwait(false), request.Timings);
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
    public ValueTask<Mask> RefineAsync(SegmentationResult result, CrfOverrides wanted, CancellationToken cancellationToken)
    {
        CrfSettings crf = refinement.Resolve(result.Model.Manifest.Postprocess.Crf, wanted);
        return refinement.RefineAsync(result.Model, result.Photo, result.Mask, withConfidence: false, crf, result.Timings, cancellationToken);
    }

    /// <summary>Writes a result in a format.</summary>
    /// <param name="admitted">The request that the result answers.</param>
    /// <param name="result">A result of this segmenter; not disposed.</param>
    /// <param name="format">The format, of <see cref="MaskFormat.All"/> or the caller's own.</param>
    /// <param name="options">Choices about the bytes.</param>
    /// <param name="output">Receives the bytes.</param>
    /// <exception cref="SegmentationException">The format cannot hold the result, or the request's time is up.</exception>
    public async ValueTask EncodeAsync(AdmittedRequest admitted, SegmentationResult result, MaskFormat format, FormatSettings options, IBufferWriter<byte> output)
    {
        try
        {
            using CpuSlot slot = await cpu.EnterAsync(result.Timings, admitted.Cancellation).ConfigureAwait(false);
            using (result.Timings.Measure(Stage.Encode))
            {
                format.Encoder.Encode(result.Content, options, output);
            }
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(result.Timings.Current);
        }

        metrics.Segmented(result.Model.Name, result.Mask.Size.Pixels);
    }

    /// <summary>Has a caller's own work on the processor done in its turn: requests and answers in a form that the runtime does not know.</summary>
    /// <param name="admitted">On whose behalf. Its token should stop work that takes long.</param>
    /// <param name="timings">Gets the time.</param>
    /// <param name="stage">What the work counts as.</param>
    /// <param name="work">The work.</param>
    /// <returns>What it gives.</returns>
    /// <exception cref="SegmentationException">The work's own, or the time is up.</exception>
    public async ValueTask<T> ComputeAsync<T>(AdmittedRequest admitted, StageTimings timings, Stage stage, Func<T> work)
    {
        try
        {
            using CpuSlot turn = await cpu.EnterAsync(timings, admitted.Cancellation, admitted.Backlog).ConfigureAwait(false);
            using (timings.Measure(stage))
            {
                return work();
            }
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(timings.Current);
        }
    }

    /// <summary>Makes the network's input of one photograph, for a caller that wants the network's own output.</summary>
    /// <param name="admitted">Stays the caller's.</param>
    /// <param name="image">The bytes of an encoded image.</param>
    /// <param name="timings">Gets the time.</param>
    /// <returns>1×3×H×W, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">The image cannot be decoded, the model takes several passes, or the time is up.</exception>
    internal async ValueTask<InputTensor> PrepareAsync(AdmittedRequest admitted, ReadOnlyMemory<byte> image, StageTimings timings)
    {
        try
        {
            (RgbImage photo, _, InputTensor? input) = await PrepareAsync(admitted, new SegmentationRequest { Image = image, Timings = timings }, admitted.Model.Passes).ConfigureAwait(false);
            photo.Dispose();
            return input ?? throw new SegmentationException(
                SegmentationError.InvalidRequest, $"The model '{admitted.Model.Name}' runs a photograph in several passes, so there is no one output of its network; ask for a mask.");
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(timings.Current);
        }
    }

    /// <summary>Decodes, and prepares the input too where there is only one: in one turn, so that no photograph waits between them.</summary>
    private async ValueTask<(RgbImage Photo, PassPlan Plan, InputTensor? Input)> PrepareAsync(AdmittedRequest admitted, SegmentationRequest request, PassSettings settings)
    {
        Preprocessor preprocessor = admitted.Model.Preprocessor;
        using CpuSlot turn = await cpu.EnterAsync(request.Timings, admitted.Cancellation, admitted.Model.Scheduler.Backlog).ConfigureAwait(false);
        (RgbImage photo, PassPlan plan) = Decode(admitted, request, settings);
        try
        {
            admitted.Cancellation.ThrowIfCancellationRequested();
            if (!plan.IsOne)
            {
                return (photo, plan, null);
            }

            using (request.Timings.Measure(Stage.Preprocess))
            {
                metrics.Padded(admitted.Model.Name, plan.Whole.PadRatio);
                return (photo, plan, preprocessor.Prepare(photo.Pixels.Span, plan.Whole));
            }
        }
        catch
        {
            photo.Dispose();
            throw;
        }
    }

    private (RgbImage Photo, PassPlan Plan) Decode(AdmittedRequest admitted, SegmentationRequest request, PassSettings settings)
    {
        using (request.Timings.Measure(Stage.Decode))
        {
            using EncodedImage image = decoder.Open(request.Image);
            PassPlan plan = admitted.Model.Preprocessor.Plan(image.Size, settings);
            admitted.HoldPixels(plan.IsOne ? Math.Max(image.Size.Pixels, plan.InputPixels) : image.Size.Pixels, passes.Afford(admitted.Model, plan, request.WithProbabilities));
            return (image.Decode(admitted.Cancellation), plan);
        }
    }

    private async ValueTask<Mask> LabelAsync(AdmittedRequest admitted, InputTensor input, InputGeometry geometry, SegmentationRequest request)
    {
        ModelOutput output;
        using (input)
        {
            output = await admitted.Model.Scheduler.RunAsync(input, new RunContext(admitted.Priority, request.Timings), admitted.Cancellation).ConfigureAwait(false);
        }

        using (output)
        {
            admitted.LeaveBacklog();
            using CpuSlot turn = await cpu.EnterAsync(request.Timings, admitted.Cancellation).ConfigureAwait(false);
            using (request.Timings.Measure(Stage.Postprocess))
            {
                return admitted.Model.Postprocessor.Compute(output, geometry, request.WithConfidence, request.WithProbabilities);
            }
        }
    }
}
