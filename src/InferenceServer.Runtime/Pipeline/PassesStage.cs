using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>Preprocess, infer and postprocess for an image that takes several runs of the network: tiles, scales, the
/// mirrored image. A few runs are in progress at once.</summary>
/// <remarks>Outputs are added in the plan's order, whichever is ready first, so that a request's answer is the same
/// each time.</remarks>
internal sealed class PassesStage(CpuGate cpu, PassPolicy policy, SegmentationMetrics metrics) : IPipelineStage
{
    /// <summary>The limits of passes.</summary>
    public PassPolicy Policy => policy;

    public Stage? Name => null;

    public bool UsesCpu => false;

    public bool AppliesTo(PipelineContext context) => context.Plan is { IsOne: false };

    public async ValueTask RunAsync(PipelineContext context)
    {
        PassPlan plan = context.Plan;
        int most = (int)Math.Min(policy.TilesInFlight(context.Model.Scheduler.Capacity), plan.Passes.Count);
        context.Admitted.Widen(most);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        using ImageViews views = await OpenAsync(context).ConfigureAwait(false);
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

                InputTensor input = await PrepareAsync(context, views, pass).ConfigureAwait(false);
                running.Enqueue(InferAsync(context, input, stop.Token));
            }

            await CompleteAsync(context).ConfigureAwait(false);
            while (running.Count > 0)
            {
                await AddAsync().ConfigureAwait(false);
            }

            context.Admitted.LeaveBacklog();
            context.Mask = fused!.Take();

            async ValueTask AddAsync()
            {
                using ModelOutput output = await TakeAsync(running, context.Timings).ConfigureAwait(false);
                using CpuSlot slot = await cpu.EnterAsync(context.Admitted, isWaitedFor: false).ConfigureAwait(false);
                using StageTimings.Scope timing = context.Timings.Measure(Stage.Postprocess);
                (bool confidence, bool probabilities) = context.Unrefined;
                fused ??= context.Model.Postprocessor.Fuse(plan, output, confidence, probabilities, context.WithClaims);
                fused.Add(plan.Passes[added++], output);
                fused.Finish(added < plan.Passes.Count ? plan.Passes[added].Top : plan.Image.Height);
            }
        }
        finally
        {
            await AbandonAsync(running, stop).ConfigureAwait(false);
            fused?.Dispose();
        }
    }

    private async ValueTask<ImageViews> OpenAsync(PipelineContext context)
    {
        using CpuSlot slot = await cpu.EnterAsync(context.Admitted).ConfigureAwait(false);
        using StageTimings.Scope timing = context.Timings.Measure(Stage.Preprocess);
        if (context.Bands is { } bands)
        {
            return context.Model.Preprocessor.Open(context.Plan, bands);
        }

        return context.Model.Preprocessor.Open(context.Plan, context.Image.Pixels);
    }

    private async ValueTask<InputTensor> PrepareAsync(PipelineContext context, ImageViews views, Pass pass)
    {
        using CpuSlot slot = await cpu.EnterAsync(context.Admitted).ConfigureAwait(false);
        using StageTimings.Scope timing = context.Timings.Measure(Stage.Preprocess);
        metrics.Padded(context.Model.Name, pass.Geometry.PadRatio);
        return context.Model.Preprocessor.Prepare(views, pass);
    }

    private async ValueTask CompleteAsync(PipelineContext context)
    {
        if (context.Bands is not { } bands)
        {
            return;
        }

        using CpuSlot slot = await cpu.EnterAsync(context.Admitted, isWaitedFor: false).ConfigureAwait(false);
        using StageTimings.Scope timing = context.Timings.Measure(Stage.Preprocess);
        bands.Complete();
        context.Bands = null;
    }

    // Runs overlap, and timings are not thread-safe: a request counts the time that it waits for its runs.
    private static async Task<ModelOutput> InferAsync(PipelineContext context, InputTensor input, CancellationToken cancellationToken)
    {
        using (input)
        {
            RunContext run = new(context.Admitted.Priority, new StageTimings());
            return await context.Model.Scheduler.RunAsync(input, run, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async ValueTask<ModelOutput> TakeAsync(Queue<Task<ModelOutput>> running, StageTimings timings)
    {
        using StageTimings.Scope timing = timings.Measure(Stage.Infer);
        return await running.Dequeue().ConfigureAwait(false);
    }

    /// <summary>Ends the runs that are in progress after a failure, and waits for them: the network may be reading
    /// their inputs.</summary>
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
