using InferenceServer.Kernels.Fusion;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Postprocessing;

/// <summary>What the modes of fusion are in the kernels' terms.</summary>
/// <param name="Fusion">How one pass joins the others.</param>
/// <param name="Kind">What comes of all of them.</param>
internal readonly record struct FusionRule(ScoreFusion Fusion, ScoreKind Kind)
{
    /// <param name="fuse">The mode.</param>
    /// <param name="output">What the graph gives.</param>
    /// <param name="channels">How many scores of a pixel.</param>
    public static FusionRule Create(FuseMode fuse, OutputKind output, int channels) => fuse switch
    {
        FuseMode.MaxLogits => new(ScoreFusion.Max, ScoreKind.Logits),
        FuseMode.SumLogits => new(ScoreFusion.Add, ScoreKind.Logits),
        _ when output == OutputKind.Probabilities => new(ScoreFusion.Add, ScoreKind.Probabilities),
        _ => new(channels == 1 ? ScoreFusion.AddSigmoid : ScoreFusion.AddSoftmax, ScoreKind.Probabilities),
    };
}
