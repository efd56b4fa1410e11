using InferenceServer.Runtime.Adaptation;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Inspection;

/// <summary>A network that runs at some sizes only, and whose output has the input's size.</summary>
internal sealed class PickySession(Func<ImageSize, bool> takes) : IModelSession
{
    public ExecutionProvider Provider => ExecutionProvider.Cpu;

    public GraphSignature Signature { get; } = new([], []);

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken) => takes(input.Size)
        ? new ModelOutput(new float[input.Size.Pixels * 2], [input.Batch, 2, input.Size.Height, input.Size.Width])
        : throw new SegmentationException(SegmentationError.InferenceFailed, "Not this size.");

    public void Dispose()
    {
    }
}
