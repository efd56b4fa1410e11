using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Batching;

/// <summary>A network whose answer to an image is that image's first value. It runs once it is let go, and remembers its runs.</summary>
internal sealed class FakeSession : IModelSession
{
    private readonly List<float[]> _runs = [];
    private int _running;

    /// <summary>Open from the start unless a test closes it; cancelled runs pass it.</summary>
    public ManualResetEventSlim Gate { get; } = new(initialState: true);

    /// <summary>Decides whether a run fails.</summary>
    public Func<InputTensor, bool> Fails { get; init; } = _ => false;

    public int MostAtOnce { get; private set; }

    public int Cancelled { get; private set; }

    /// <summary>The first values of the images of each run, in the order in which the runs began.</summary>
    public IReadOnlyList<float[]> Runs
    {
        get
        {
            lock (_runs)
            {
                return [.. _runs];
            }
        }
    }

    public ExecutionProvider Provider => ExecutionProvider.Cpu;

    public GraphSignature Signature { get; } = new([], []);

    public ModelOutput Run(InputTensor input, CancellationToken cancellationToken)
    {
        lock (_runs)
        {
            _runs.Add(First(input));
            MostAtOnce = Math.Max(MostAtOnce, ++_running);
        }

        try
        {
            Gate.Wait(cancellationToken);
            return Fails(input)
                ? throw new SegmentationException(SegmentationError.InferenceFailed, "As the test wants.")
                : new ModelOutput(First(input), [input.Batch, 1, 1, 1]); // read again, to find writes into the input
        }
        catch (OperationCanceledException)
        {
            lock (_runs)
            {
                Cancelled++;
            }

            throw;
        }
        finally
        {
            lock (_runs)
            {
                _running--;
            }
        }
    }

    public void Dispose() => Gate.Dispose();

    private static float[] First(InputTensor input)
    {
        int length = input.Values.Length / input.Batch;
        return [.. Enumerable.Range(0, input.Batch).Select(i => input.Values.Span[i * length])];
    }
}
