using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Diagnostics;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference;

/// <summary>The road of a request to infer once it was let in, over HTTP and over gRPC: read it, run it, write its answer.</summary>
internal sealed class InferRoad(Segmenter segmenter, InferRunner runner, IOptions<OpenInferenceOptions> options)
{
    /// <summary>Lets requests in.</summary>
    public Segmenter Segmenter => segmenter;

    /// <summary>Most bytes of a request.</summary>
    public int MaxBytes => options.Value.MaxMessageBytes;

    /// <summary>Answers a request. Reading and writing its form take turns on the processor with all other work there.</summary>
    /// <param name="admitted">Its place, which stays the caller's.</param>
    /// <param name="view">The form of the model that it asked.</param>
    /// <param name="read">Reads it.</param>
    /// <param name="write">Writes the answer, which owns the output if it refers to it.</param>
    /// <param name="timings">Gets the time of each stage.</param>
    /// <returns>The answer, which the caller disposes.</returns>
    /// <exception cref="SegmentationException">Everything that can go wrong.</exception>
    public async Task<InferAnswer> AnswerAsync(AdmittedRequest admitted, ProtocolModel view, Func<InferRequest> read, Func<InferRequest, OutputTensor, InferAnswer> write, StageTimings timings)
    {
        using InferRequest request = await segmenter.ComputeAsync(admitted, timings, Stage.Decode, read);
        OutputTensor output = await runner.RunAsync(admitted, view, request, timings);
        InferAnswer? answer = null;
        try
        {
            return answer = await segmenter.ComputeAsync(admitted, timings, Stage.Encode, () => write(request, output));
        }
        finally
        {
            if (!ReferenceEquals(answer?.Tensor, output))
            {
                output.Dispose();
            }
        }
    }
}
