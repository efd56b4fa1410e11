using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Sessions;

public class ModelOutputTests
{
    [Fact]
    public void Split_Batch_GivesEachImageItsOwnScores()
    {
        ModelOutput batch = new(Enumerable.Range(0, 12).Select(i => (float)i).ToArray(), [3, 2, 1, 2]);

        ModelOutput[] outputs = batch.Split();

        Assert.Equal([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]], outputs.Select(o => o.Scores().ToArray()));
        Assert.All(outputs, o => Assert.Equal([1, 2, 1, 2], o.Shape));
    }

    [Fact]
    public void Dispose_SharedOwner_FreesWithTheLastHolder()
    {
        Owned owned = new();
        SharedOwner owner = new(owned, holders: 3);
        owner.Dispose();
        owner.Dispose();
        Assert.Equal(0, owned.Disposals);
        owner.Dispose();
        Assert.Equal(1, owned.Disposals);
    }

    private sealed class Owned : IDisposable
    {
        public int Disposals { get; private set; }

        public void Dispose() => Disposals++;
    }
}
