using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Inference;

namespace InferenceServer.Cli.Segment;

/// <summary>Masks of a model in this process.</summary>
internal sealed class LocalMasks(Segmenter segmenter, string model, EncodingParameters parameters, InferenceOverrides inference, Refinement refinement) : IMaskSource
{
    public async Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken)
    {
        SegmentationRequest request = new()
        {
            Image = image,
            WithConfidence = parameters.NeedsConfidence,
            WithProbabilities = parameters.NeedsProbabilities,
            Inference = inference,
            Refine = refinement.Refine,
            Crf = refinement.Crf,
        };
        using AdmittedRequest admitted = segmenter.Admit(model, cancellationToken);
        using SegmentationResult result = await segmenter.SegmentAsync(admitted, request).ConfigureAwait(false);
        using PooledBufferWriter mask = new();
        await segmenter.EncodeAsync(admitted, result, parameters, mask).ConfigureAwait(false);
        await WholeFile.WriteAsync(output, mask.Written, cancellationToken).ConfigureAwait(false);
    }
}
