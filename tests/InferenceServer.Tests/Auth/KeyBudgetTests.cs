using InferenceServer.Auth;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Tests.Auth;

public sealed class KeyBudgetTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void TryTake_Rate_LetsABurstThroughAndThenOneForEachInterval()
    {
        KeyBudget budget = new(new KeyOptions { RequestsPerSecond = 2, Burst = 3 }, _clock);

        Assert.Equal(3, Taken(budget, 10));
        Assert.False(budget.TryTake(out string limit, out TimeSpan wait));
        Assert.Equal(("2 requests a second", TimeSpan.FromSeconds(0.5)), (limit, wait));
        _clock.Advance(wait - TimeSpan.FromTicks(1));
        Assert.Equal(0, Taken(budget, 1));
        _clock.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(1, Taken(budget, 2));
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(3, Taken(budget, 10)); // a pause is worth a burst, not more
    }

    [Fact]
    public void TryTake_SlowestRateAndLongestBurst_Counts()
    {
        KeyBudget budget = new(new KeyOptions { RequestsPerSecond = 1e-5, Burst = 1_000_000 }, _clock);

        Assert.Equal(1_000_000, Taken(budget, 1_000_001));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(24)]
    public void TryTake_Quota_BeginsAnewWithTheWindow(int hours)
    {
        _clock.Advance(TimeSpan.FromMinutes(10));
        KeyBudget budget = new(hours == 1 ? new KeyOptions { RequestsPerHour = 5 } : new KeyOptions { RequestsPerDay = 5 }, _clock);

        Assert.Equal(5, Taken(budget, 10));
        Assert.False(budget.TryTake(out string limit, out TimeSpan wait));
        Assert.Contains(hours == 1 ? "5 requests an hour" : "5 requests a day", limit, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.FromHours(hours) - TimeSpan.FromMinutes(10), wait);
        _clock.Advance(wait);
        Assert.Equal(5, Taken(budget, 10));
    }

    [Fact]
    public void UsedBy_OtherServers_CountAgainstQuotaAndRate()
    {
        KeyOptions options = new() { RequestsPerSecond = 1, Burst = 4, RequestsPerHour = 6 };
        KeyBudget one = new(options, _clock), two = new(options, _clock);
        two.UsedBy("one", one.Usage);
        Assert.Equal(3, Taken(one, 3));

        two.UsedBy("one", KeyUsage.Parse(one.Usage.ToBytes())!);
        Assert.Equal(1, Taken(two, 10)); // of a burst of 4
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(2, Taken(two, 10)); // of 6 an hour
        one.UsedBy("two", two.Usage);
        Assert.Equal(0, Taken(one, 10));

        _clock.Advance(TimeSpan.FromHours(1));
        one.UsedBy("two", two.Usage with { Hour = (0, 100) });
        Assert.Equal(4, Taken(one, 10)); // the next hour, and what is said of another one does not count
    }

    [Fact]
    public void TryTake_RefusedByTheRate_CostsNoQuota()
    {
        KeyBudget budget = new(new KeyOptions { RequestsPerSecond = 1, Burst = 1, RequestsPerHour = 2 }, _clock);

        Assert.Equal(1, Taken(budget, 100));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(1, Taken(budget, 100));
    }

    [Fact]
    public void TryTake_NoLimits_NeverRefuses() => Assert.Equal(100_000, Taken(new KeyBudget(new KeyOptions(), _clock), 100_000));

    [Fact]
    public void TryTake_ManyThreads_TakeNoMoreThanThereIs()
    {
        KeyBudget budget = new(new KeyOptions { RequestsPerDay = 1000 }, _clock);
        int taken = 0;

        Parallel.For(0, 4, _ => Interlocked.Add(ref taken, Taken(budget, 1000)));

        Assert.Equal(1000, taken);
    }

    private static int Taken(KeyBudget budget, int attempts) =>
        Enumerable.Range(0, attempts).Count(_ => budget.TryTake(out string _, out TimeSpan _));
}
