using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>A step of the pipeline: reads what earlier stages have put into the context, and adds its own buffer. A
/// stage disposes nothing and knows no other stage.</summary>
internal interface IPipelineStage
{
    /// <summary>The name under which the stage's time counts; null where the stage measures itself.</summary>
    Stage? Name { get; }

    /// <summary>Whether the stage computes on the processor, and therefore needs a slot of
    /// <see cref="CpuGate"/>.</summary>
    bool UsesCpu { get; }

    /// <summary>Whether the stage has something to do for this request.</summary>
    bool AppliesTo(PipelineContext context);

    /// <summary>Does the stage's work.</summary>
    /// <exception cref="SegmentationException">What went wrong.</exception>
    /// <exception cref="OperationCanceledException">The caller cancelled the request, or its timeout
    /// passed.</exception>
    ValueTask RunAsync(PipelineContext context);
}

/// <summary>The order of the stages, and the loop that runs them.</summary>
internal sealed class SegmentationPipeline(
    ImageDecoder decoder, PassesStage passes, CrfRefiner refiner, CpuGate cpu, SegmentationMetrics metrics)
{
    private readonly IPipelineStage[] _toMask =
    [
        new DecodeStage(decoder, passes.Policy, refiner),
        new BackgroundStage(decoder),
        new GivenScoresStage(),
        new PreprocessStage(metrics),
        new RefinableStage(refiner),
        new InferStage(),
        new PostprocessStage(),
        passes,
        new RefineStage(refiner),
        new NodataStage(),
        new EncodeStage(passes.Policy, metrics),
    ];

    /// <summary>Makes the mask, and its encoded form where the request has an output.</summary>
    public ValueTask ToMaskAsync(PipelineContext context) => RunAsync(context, _toMask);

    /// <summary>Makes the encoded form of the image itself; the network does not run.</summary>
    public ValueTask ToViewAsync(PipelineContext context) => RunAsync(context, new[] { _toMask[0], _toMask[^1] });

    /// <summary>Makes the network's input, where the image runs whole and once.</summary>
    public ValueTask ToInputAsync(PipelineContext context) => RunAsync(context, _toMask.AsMemory(0, 4));

    // Neighbours on the processor share a slot: no decoded image waits between two of them.
    private async ValueTask RunAsync(PipelineContext context, ReadOnlyMemory<IPipelineStage> stages)
    {
        CpuSlot? slot = null;
        try
        {
            for (int i = 0; i < stages.Length; i++)
            {
                IPipelineStage stage = stages.Span[i];
                if (!stage.AppliesTo(context))
                {
                    continue;
                }

                context.Cancellation.ThrowIfCancellationRequested();
                if (stage.UsesCpu)
                {
                    slot ??= await cpu.EnterAsync(context.Admitted).ConfigureAwait(false);
                }
                else
                {
                    slot?.Dispose();
                    slot = null;
                }

                using StageTimings.Scope? timing = stage.Name is { } name ? context.Timings.Measure(name) : null;
                await stage.RunAsync(context).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (context.Admitted.IsLate)
        {
            throw context.Admitted.Late();
        }
        finally
        {
            slot?.Dispose();
        }
    }
}
