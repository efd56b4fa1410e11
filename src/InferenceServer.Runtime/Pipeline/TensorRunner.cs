using System.Diagnostics;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>The road of inputs that are ready for the network: they wait for an instance among the photographs, and the answer is the network's output as it is.</summary>
/// <remarks>Each image of a request is an input of its own on the model's scheduler, which may put it into a run with others, whoever sent them.</remarks>
public sealed class TensorRunner(Segmenter segmenter, PassPolicy modes)
{
    private const int Channels = 3;
    private const int BytesOfText = 16; // -3.4028235E+38 and a comma

    /// <summary>Takes a tensor apart into inputs.</summary>
    /// <param name="admitted">On whose behalf; its model says what it takes.</param>
    /// <param name="shape">N, 3, H, W.</param>
    /// <param name="values">float32 in the order of the axes, little-endian; copied.</param>
    /// <param name="timings">Gets the time.</param>
    /// <returns>N inputs, which the caller hands to <see cref="RunAsync"/>.</returns>
    /// <exception cref="SegmentationException">The model takes no input of this shape, or the server holds as much as it may.</exception>
    public async ValueTask<IReadOnlyList<InputTensor>> ReadAsync(AdmittedRequest admitted, IReadOnlyList<long> shape, ReadOnlyMemory<byte> values, StageTimings timings)
    {
        (int images, ImageSize size) = Check(admitted.Model, shape);
        long length = size.Pixels * Channels * sizeof(float);
        if (values.Length != images * length)
        {
            throw Invalid($"A float32 tensor of {string.Join('×', shape)} has {images * length:N0} bytes, there are {values.Length:N0}.");
        }

        admitted.HoldPixels(images * size.Pixels);
        return await segmenter.ComputeAsync(admitted, timings, Stage.Preprocess, InputTensor[] () =>
            [.. Enumerable.Range(0, images).Select(i => Read(values.Span.Slice(i * (int)length, (int)length), size))]).ConfigureAwait(false);
    }

    /// <summary>Makes inputs of encoded images, as the model's manifest says: each runs whole and in one pass.</summary>
    /// <param name="admitted">On whose behalf.</param>
    /// <param name="images">One or more encoded images.</param>
    /// <param name="timings">Gets the time.</param>
    /// <returns>An input for each, which the caller hands to <see cref="RunAsync"/>.</returns>
    /// <exception cref="SegmentationException">An image cannot be decoded, or the server holds as much as it may.</exception>
    public async ValueTask<IReadOnlyList<InputTensor>> DecodeAsync(AdmittedRequest admitted, IReadOnlyList<ReadOnlyMemory<byte>> images, StageTimings timings)
    {
        CheckCount(admitted.Model, images.Count);
        List<InputTensor> inputs = [];
        try
        {
            foreach (ReadOnlyMemory<byte> image in images)
            {
                inputs.Add(await segmenter.PrepareAsync(admitted, image, timings).ConfigureAwait(false));
                admitted.HoldPixels(inputs.Sum(i => i.Size.Pixels));
            }

            return inputs;
        }
        catch
        {
            Dispose(inputs);
            throw;
        }
    }

    /// <summary>Runs the network on inputs that are ready.</summary>
    /// <param name="admitted">On whose behalf. Its token stops the work in the queue, or between two of the network's operators.</param>
    /// <param name="inputs">One or more; disposed, whatever comes.</param>
    /// <param name="asText">Whether the answer will spell numbers out, and not be as long as the output.</param>
    /// <param name="timings">Gets the time in the queue and in the network.</param>
    /// <returns>An output for each input, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">The output would be too large, the server holds as much as it may, the network failed, or the time is up.</exception>
    public async ValueTask<IReadOnlyList<ModelOutput>> RunAsync(AdmittedRequest admitted, IReadOnlyList<InputTensor> inputs, bool asText, StageTimings timings)
    {
        try
        {
            Afford(admitted, inputs, asText);
            IReadOnlyList<ModelOutput> outputs = inputs.Count == 1
                ? [await admitted.Model.Scheduler.RunAsync(inputs[0], new RunContext(admitted.Priority, timings), admitted.Cancellation).ConfigureAwait(false)]
                : await TogetherAsync(admitted, inputs, timings).ConfigureAwait(false);
            admitted.LeaveBacklog();
            return outputs;
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late(timings.Current);
        }
        finally
        {
            Dispose(inputs);
        }
    }

    // Before the network runs: an output and its answer are held until a client, however slow, has taken them.
    private void Afford(AdmittedRequest admitted, IReadOnlyList<InputTensor> inputs, bool asText)
    {
        long bytes = 0;
        foreach (InputTensor input in inputs)
        {
            long output = admitted.Model.Postprocessor.OutputBytes(input.Size, out long elements);
            bytes += output + (asText ? elements * BytesOfText : output);
        }

        modes.CheckOutput(bytes);
        admitted.HoldPixels(inputs.Sum(i => i.Size.Pixels), bytes);
    }

    // The first failure ends the others, and all are waited for: the network may be reading their inputs.
    private static async Task<IReadOnlyList<ModelOutput>> TogetherAsync(AdmittedRequest admitted, IReadOnlyList<InputTensor> inputs, StageTimings timings)
    {
        admitted.Widen(inputs.Count);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(admitted.Cancellation);
        StageTimings[] own = [.. inputs.Select(_ => new StageTimings())]; // runs overlap, and timings are not made for that
        long start = Stopwatch.GetTimestamp();
        Task<ModelOutput>[] runs = [.. inputs.Zip(own, RunAsync)];
        try
        {
            return await Task.WhenAll(runs).ConfigureAwait(false);
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
            Measure(timings, own, Stopwatch.GetElapsedTime(start));
        }

        async Task<ModelOutput> RunAsync(InputTensor input, StageTimings own)
        {
            try
            {
                return await admitted.Model.Scheduler.RunAsync(input, new RunContext(admitted.Priority, own), stop.Token).ConfigureAwait(false);
            }
            catch
            {
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }

    // A request waits as long as the image that waits longest; where none was taken out of the queue, it waited all along.
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

    private static InputTensor Read(ReadOnlySpan<byte> values, ImageSize size)
    {
        InputTensor input = new(1, size);
        MemoryMarshal.Cast<byte, float>(values).CopyTo(input.Values.Span);
        return input;
    }

    private static (int Images, ImageSize Size) Check(LoadedModel model, IReadOnlyList<long> shape)
    {
        if (shape is not [> 0 and var images, Channels, > 0 and <= int.MaxValue and var height, > 0 and <= int.MaxValue and var width])
        {
            throw Invalid($"The model '{model.Name}' takes an input N×3×H×W, not {string.Join('×', shape)}.");
        }

        CheckCount(model, images);
        ImageSize size = new((int)width, (int)height);
        return model.Preprocessor.Takes(size) ? ((int)images, size) : throw Invalid(
            $"The model '{model.Name}' does not take an input of {height}×{width} pixels: {model.Preprocessor.Sizes}.");
    }

    private static void CheckCount(LoadedModel model, long images)
    {
        if (images < 1 || images > model.Manifest.Graph.MaxBatch)
        {
            throw Invalid($"The model '{model.Name}' takes 1 to {model.Manifest.Graph.MaxBatch} images in a request, not {images}.");
        }
    }

    private static void Dispose(IReadOnlyList<InputTensor> inputs)
    {
        foreach (InputTensor input in inputs)
        {
            input.Dispose();
        }
    }

    private static SegmentationException Invalid(string message) => new(SegmentationError.InvalidRequest, message);
}
