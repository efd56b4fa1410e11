using InferenceServer.Kernels;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Tests.Batching;

namespace InferenceServer.Runtime.Tests.Sessions;

public sealed class ElasticSessionTests : IDisposable
{
    private readonly FakeSession _wide = new();
    private readonly FakeSession _narrow = new();
    private readonly ElasticSession _session;

    public ElasticSessionTests() => _session = new ElasticSession(_wide, _narrow);

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Run_OneAfterAnother_EachTakesTheWideSession()
    {
        Run();
        Run();

        Assert.Equal((2, 0), (_wide.Runs.Count, _narrow.Runs.Count));
    }

    [Fact]
    public async Task Run_WhileAnotherRuns_TakesTheNarrowSession()
    {
        _wide.Gate.Reset();
        Task first = Task.Run(Run);
        SpinWait.SpinUntil(() => _wide.Runs.Count == 1);

        Run();
        _wide.Gate.Set();
        await first;
        Run();

        Assert.Equal((2, 1), (_wide.Runs.Count, _narrow.Runs.Count));
    }

    [Fact]
    public void Run_AfterOneThatFailed_IsAloneAgain()
    {
        using ElasticSession session = new(new FakeSession { Fails = _ => true }, _narrow);

        Assert.Throws<SegmentationException>(() => Run(session));
        Assert.Throws<SegmentationException>(() => Run(session));

        Assert.Empty(_narrow.Runs);
    }

    private void Run() => Run(_session);

    private static void Run(ElasticSession session)
    {
        using InputTensor input = new(1, new ImageSize(1, 1));
        session.Run(input, CancellationToken.None).Dispose();
    }
}
