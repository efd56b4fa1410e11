using InferenceServer.Kernels;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Passes;

/// <summary>Runs photographs that take several passes: each is an input of its own on the model's scheduler, and only a few are under way at once.</summary>
/// <remarks>Outputs are added in the plan's order, whichever comes first, so that a request's answer is the same each time.</remarks>
public sealed class PassRunner(CpuGate cpu, PassPolicy modes, SegmentationMetrics metrics)
{
    /// <summary>Holds what the passes cost to the limits.</summary>
    /// <param name="model">The model.</param>
    /// <param name="plan">The passes.</param>
    /// <param name="allRows">Whether the scores of all rows are kept.</param>
    /// <returns>The bytes that they hold at once, beside the photograph and its mask.</returns>
    /// <exception cref="SegmentationException">It is too much.</exception>
    internal long Afford(LoadedModel model, PassPlan plan, bool allRows)
    {
        long bytes = plan.Bytes(model.Postprocessor.Classes, modes.TilesInFlight(model.Scheduler.Capacity), allRows);
        modes.Check(plan.Runs, plan.IsAsManifested ? 0 : plan.InputPixels, bytes);
        return bytes;
    }

    /// <summary>Runs all passes of a photograph.</summary>
    /// <param name="admitted">On whose behalf.</param>
    /// <param name="photo">The photograph.</param>
    /// <param name="plan">Its passes.</param>
    /// <param name="request">What is wanted.</param>
    /// <returns>The mask, which the caller disposes.</returns>
    internal async ValueTask<Mask> RunAsync(AdmittedRequest admitted, RgbImage photo, PassPlan plan, SegmentationRequest request)
    {
        int most = (int)Math.Min(modes.TilesInFlight(admitted.Model.Scheduler.Capacity), plan.Passes.Count);
        admitted.Widen(most);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(admitted.Cancellation);
        PhotoView[] views = [.. plan.Views.Select(v => admitted.Model.Preprocessor.Open(v, photo.Pixels, photo.Size))];
        Queue<Task<ModelOutput>> running = new(most);
        FusedPasses? fused = null;
        try
        {
            int added = 0;
            foreach (Pass pass in plan.Passes)
            {
                if (running.Count == most)
                {
                    await AddAsync().ConfigureAwait(false);
                }

                InputTensor input = await PrepareAsync(admitted, views[pass.View.Index], pass, request.Timings).ConfigureAwait(false);
                running.Enqueue(InferAsync(admitted, input, stop.Token));
            }

            while (running.Count > 0)
            {
                await AddAsync().ConfigureAwait(false);
            }

            admitted.LeaveBacklog();
            return fused!.Take();

            async ValueTask AddAsync()
            {
                using ModelOutput output = await TakeAsync(running, request.Timings).ConfigureAwait(false);
                using CpuSlot turn = await cpu.EnterAsync(request.Timings, admitted.Cancellation).ConfigureAwait(false);
                using (request.Timings.Measure(Stage.Postprocess))
                {
                    fused ??= admitted.Model.Postprocessor.Fuse(plan, output, request.WithConfidence, request.WithProbabilities);
                    fused.Add(plan.Passes[added++], output);
                    fused.Finish(added < plan.Passes.Count ? plan.Passes[added].Top : photo.Size.Height);
                }
            }
        }
        finally
        {
            await AbandonAsync(running, stop).ConfigureAwait(false);
            fused?.Dispose();
            foreach (PhotoView view in views)
            {
                view.Dispose();
            }
        }
    }

    private async ValueTask<InputTensor> PrepareAsync(AdmittedRequest admitted, PhotoView view, Pass pass, StageTimings timings)
    {
        using CpuSlot turn = await cpu.EnterAsync(timings, admitted.Cancellation, admitted.Model.Scheduler.Backlog).ConfigureAwait(false);
        using (timings.Measure(Stage.Preprocess))
        {
            metrics.Padded(admitted.Model.Name, pass.Geometry.PadRatio);
            return admitted.Model.Preprocessor.Prepare(view, pass);
        }
    }

    // Runs overlap, and timings are not made for that: what a request counts is how long it waits for them.
    private static async Task<ModelOutput> InferAsync(AdmittedRequest admitted, InputTensor input, CancellationToken cancellationToken)
    {
        using (input)
        {
            return await admitted.Model.Scheduler.RunAsync(input, new RunContext(admitted.Priority, new StageTimings()), cancellationToken).ConfigureAwait(false);
        }
    }

    private static async ValueTask<ModelOutput> TakeAsync(Queue<Task<ModelOutput>> running, StageTimings timings)
    {
        using (timings.Measure(Stage.Infer))
        {
            return await running.Dequeue().ConfigureAwait(false);
        }
    }

    /// <summary>Ends what is still under way after a failure, and waits for it: the network may be reading its inputs.</summary>
    private static async ValueTask AbandonAsync(Queue<Task<ModelOutput>> running, CancellationTokenSource stop)
    {
        if (running.Count > 0)
        {
            await stop.CancelAsync().ConfigureAwait(false);
        }

        foreach (Task<ModelOutput> run in running)
        {
            await ((Task)run).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (run.IsCompletedSuccessfully)
            {
                run.Result.Dispose();
            }
        }
    }
}
