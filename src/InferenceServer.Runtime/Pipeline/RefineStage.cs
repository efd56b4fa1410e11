using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime.Pipeline;

/// <summary>Replaces the mask with one that a fully connected CRF has refined. The refiner has slots of its
/// own.</summary>
internal sealed class RefineStage(CrfRefiner refiner) : IPipelineStage
{
    public Stage? Name => Stage.Crf;

    public bool UsesCpu => false;

    public bool AppliesTo(PipelineContext context) => context.Crf is not null;

    public async ValueTask RunAsync(PipelineContext context) => context.Mask = await refiner.RefineAsync(
        context.Mask, context.Model.Postprocessor.Classes, context.Image.Pixels, context.WithConfidence, context.Crf!,
        context.Cancellation).ConfigureAwait(false);
}
