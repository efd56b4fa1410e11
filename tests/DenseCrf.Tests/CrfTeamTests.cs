using DenseCrf.Threading;

namespace DenseCrf.Tests;

public sealed class CrfTeamTests
{
    [Theory]
    [InlineData(1), InlineData(2), InlineData(3), InlineData(16)]
    public void Run_ManyPhases_DoesEveryItemOnce(int workers)
    {
        using CrfTeam team = new(workers);
        int[] done = new int[workers * 5];
        for (int phase = 1; phase <= 200; phase++)
        {
            team.Run(5, (worker, item) => Interlocked.Increment(ref done[(worker * 5) + item]));
            Assert.All(done, count => Assert.Equal(phase, count));
        }
    }

    [Fact]
    public void Run_ItemThrows_ThrowsWhenAllAreDone()
    {
        using CrfTeam team = new(2);
        int done = 0;
        void Body(int worker, int item)
        {
            Interlocked.Increment(ref done);
            throw new ArgumentException("mine");
        }

        Assert.Throws<ArgumentException>(() => team.Run(3, Body));
        Assert.Equal(6, done);
    }
}
