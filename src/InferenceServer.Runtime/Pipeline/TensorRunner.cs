using System.Diagnostics;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>Runs the network on tensors, and gives its output as it is: the pipeline without postprocessing.</summary>
/// <remarks>Each image of a request is an input of its own on the model's scheduler, which may run it in a batch with
/// inputs of other requests.</remarks>
internal sealed class TensorRunner(Segmenter segmenter, PassPolicy policy)
{
    private const int BytesOfText = 16; // -3.4028235E+38 and a comma

    /// <summary>Runs the network on a tensor.</summary>
    /// <param name="admitted">The admitted request. Its token cancels the work in the queue and between two operators
    /// of the network.</param>
    /// <param name="shape">The lengths of the axes, in the order of the model's layout.</param>
    /// <param name="values">The elements in the order of the axes, little-endian; copied.</param>
    /// <param name="asText">Whether the answer will spell the numbers out, and so be longer than the output.</param>
    /// <returns>N outputs; the caller disposes them.</returns>
    /// <exception cref="SegmentationException">The model takes no input of this shape, the output is too large, a
    /// limit is reached, the network failed, or the time is up.</exception>
    public async ValueTask<DisposableList<ModelOutput>> RunAsync(
        AdmittedRequest admitted, IReadOnlyList<long> shape, ReadOnlyMemory<byte> values, bool asText)
    {
        (int images, ImageSize size) = Check(admitted.Model, shape);
        TensorLayout layout = admitted.Model.Session.Layout;
        long length = layout.Bytes(size);
        if (values.Length != images * length)
        {
            throw Invalid(
                $"A {TensorLayout.ElementType} tensor of {string.Join('×', shape)} has {images * length:N0} bytes; got " +
                $"{values.Length:N0}.");
        }

        admitted.HoldPixels(images * size.Pixels, images * layout.FurtherBytes(size));
        using DisposableList<InputTensor> inputs = [];
        await segmenter.ComputeAsync(admitted, Stage.Preprocess, () =>
        {
            for (int i = 0; i < images; i++)
            {
                InputTensor input = new(1, size, layout);
                inputs.Add(input);
                input.CopyFrom(values.Span.Slice(i * (int)length, (int)length));
            }

            return images;
        }).ConfigureAwait(false);
        return await RunAsync(admitted, inputs, asText).ConfigureAwait(false);
    }

    /// <summary>Runs the network on encoded images, which are preprocessed as the model's manifest says: each whole
    /// and in one pass.</summary>
    /// <param name="admitted">As for the tensor.</param>
    /// <param name="images">One or more encoded images.</param>
    /// <param name="asText">As for the tensor.</param>
    /// <returns>An output for each image; the caller disposes them.</returns>
    /// <exception cref="SegmentationException">As for the tensor, or an image cannot be decoded.</exception>
    public async ValueTask<DisposableList<ModelOutput>> RunAsync(
        AdmittedRequest admitted, IReadOnlyList<ReadOnlyMemory<byte>> images, bool asText)
    {
        CheckCount(admitted.Model, images.Count);
        using DisposableList<InputTensor> inputs = [];
        foreach (ReadOnlyMemory<byte> image in images)
        {
            inputs.Add(await segmenter.PrepareAsync(admitted, image).ConfigureAwait(false));
            admitted.HoldPixels(inputs.Sum(i => i.Size.Pixels));
        }

        return await RunAsync(admitted, inputs, asText).ConfigureAwait(false);
    }

    /// <summary>Runs the network on inputs, which the caller owns.</summary>
    internal async ValueTask<DisposableList<ModelOutput>> RunAsync(AdmittedRequest admitted, IReadOnlyList<InputTensor> inputs, bool asText)
    {
        try
        {
            Afford(admitted, inputs, asText);
            RunContext run = new(admitted.Priority, admitted.Timings, admitted.Client);
            DisposableList<ModelOutput> outputs = inputs.Count == 1
                ? [await admitted.Model.Scheduler.RunAsync(inputs[0], run, admitted.Cancellation).ConfigureAwait(false)]
                : await TogetherAsync(admitted, inputs).ConfigureAwait(false);
            admitted.LeaveBacklog();
            return outputs;
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late();
        }
    }

    // Before the network runs: an output and its answer are held until a client, however slow, has taken them.
    private void Afford(AdmittedRequest admitted, IReadOnlyList<InputTensor> inputs, bool asText)
    {
        long bytes = 0, further = 0;
        foreach (InputTensor input in inputs)
        {
            long output = admitted.Model.Postprocessor.OutputBytes(input.Size, out long elements);
            bytes += output + (asText ? elements * BytesOfText : output);
            further += input.Layout.FurtherBytes(input.Size);
        }

        policy.CheckOutput(bytes);
        admitted.HoldPixels(inputs.Sum(i => i.Size.Pixels), bytes + further);
    }

    // The first failure ends the others, and all are waited for: the network may be reading their inputs.
    private static async Task<DisposableList<ModelOutput>> TogetherAsync(AdmittedRequest admitted, IReadOnlyList<InputTensor> inputs)
    {
        admitted.Widen(inputs.Count);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(admitted.Cancellation);
        // Runs overlap, and timings are not made for that.
        StageTimings[] own = [.. inputs.Select(_ => new StageTimings())];
        long start = Stopwatch.GetTimestamp();
        Task<ModelOutput>[] runs = [.. inputs.Zip(own, RunAsync)];
        try
        {
            return [.. await Task.WhenAll(runs).ConfigureAwait(false)];
        }
        catch
        {
            foreach (Task<ModelOutput> run in runs.Where(r => r.IsCompletedSuccessfully))
            {
                run.Result.Dispose();
            }

            throw;
        }
        finally
        {
            Measure(admitted.Timings, own, Stopwatch.GetElapsedTime(start));
        }

        async Task<ModelOutput> RunAsync(InputTensor input, StageTimings own)
        {
            try
            {
                return await admitted.Model.Scheduler.RunAsync(
                    input, new RunContext(admitted.Priority, own, admitted.Client), stop.Token)
                    .ConfigureAwait(false);
            }
            catch
            {
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    // A request waits as long as the image that waits longest; where none was taken out of the queue, it waited all
    // along.
    private static void Measure(StageTimings timings, StageTimings[] own, TimeSpan elapsed)
    {
        TimeSpan queued = own.Max(t => t[Stage.Queue]);
        TimeSpan ran = elapsed > queued ? elapsed - queued : TimeSpan.Zero;
        timings.Add(Stage.Queue, queued, ago: ran);
        if (own.Any(t => t.Entered(Stage.Infer)))
        {
            timings.Add(Stage.Infer, ran);
        }
    }

    private static (int Images, ImageSize Size) Check(LoadedModel model, IReadOnlyList<long> shape)
    {
        TensorLayout layout = model.Session.Layout;
        if (!layout.TryRead(shape, out long images, out ImageSize size))
        {
            throw Invalid($"The model '{model.Name}' takes an input {layout.Axes}, got {string.Join('×', shape)}.");
        }

        CheckCount(model, images);
        if (model.Preprocessor.Takes(size))
        {
            return ((int)images, size);
        }

        throw Invalid(
            $"The model '{model.Name}' does not take an input of {size.Height}×{size.Width} pixels: {model.Preprocessor.Sizes}.");
    }

    private static void CheckCount(LoadedModel model, long images)
    {
        if (images < 1 || images > model.MaxBatch)
        {
            throw Invalid($"The model '{model.Name}' takes 1 to {model.MaxBatch} images in a request, not {images}.");
        }
    }

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}
