using InferenceServer.Runtime.Admission;

namespace InferenceServer.Runtime.Tests.Admission;

public class BudgetTests
{
    [Fact]
    public void TryTake_UpToTheLimit_Fits()
    {
        Budget budget = new(10);
        Assert.True(budget.TryTake(7));
        Assert.True(budget.TryTake(3));
        Assert.False(budget.TryTake(1));

        budget.Return(3);

        Assert.True(budget.TryTake(2));
        Assert.Equal(9, budget.Used);
    }

    [Fact]
    public void TryTake_MoreThanTheWhole_FitsAlone()
    {
        Budget budget = new(10);
        Assert.True(budget.TryTake(1));
        Assert.False(budget.TryTake(100));
        budget.Return(1);

        Assert.True(budget.TryTake(100));
        Assert.False(budget.TryTake(1));

        budget.Return(100);
        Assert.True(budget.TryTake(1));
    }

    [Fact]
    public void TryTake_MoreForTheOnlyUser_FitsUntilThereIsAnother()
    {
        Budget budget = new(10);
        Assert.True(budget.TryTake(8));
        Assert.True(budget.TryTake(92, held: 8));
        budget.Return(98);
        Assert.True(budget.TryTake(8));

        Assert.False(budget.TryTake(98, held: 2));
        Assert.Equal(10, budget.Used);
    }

    [Fact]
    public void TryTake_FromManyThreads_NeverPassesTheLimit()
    {
        Budget budget = new(10);
        long most = 0;
        Parallel.For(0, 10_000, i =>
        {
            int amount = (i % 4) + 1;
            if (budget.TryTake(amount))
            {
                InterlockedMax(ref most, budget.Used);
                budget.Return(amount);
            }
        });
        Assert.InRange(most, 1, 10);
        Assert.Equal(0, budget.Used);
    }

    private static void InterlockedMax(ref long most, long value)
    {
        for (long seen = Interlocked.Read(ref most); value > seen; seen = Interlocked.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }
}
