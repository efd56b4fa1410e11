using InferenceServer.Runtime.Scheduling;

namespace InferenceServer.Runtime.Tests.Scheduling;

public class DeadlineTests
{
    private readonly FakeClock _clock = new();

    [Fact]
    public void Token_TimeIsUp_IsCancelledAndSaysSo()
    {
        using Deadline deadline = new(TimeSpan.FromSeconds(2), _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(deadline.Token.IsCancellationRequested);

        _clock.Advance(TimeSpan.FromSeconds(0.1));

        Assert.True(deadline.Token.IsCancellationRequested);
        Assert.True(deadline.HasPassed);
    }

    [Fact]
    public void Token_CallerGoes_IsCancelledButNotLate()
    {
        using CancellationTokenSource caller = new();
        using Deadline deadline = new(TimeSpan.FromSeconds(2), _clock, caller.Token);

        caller.Cancel();

        Assert.True(deadline.Token.IsCancellationRequested);
        Assert.False(deadline.HasPassed);
    }

    [Fact]
    public void Token_WithoutLimit_StaysAsItIs()
    {
        using Deadline deadline = new(Timeout.InfiniteTimeSpan, _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromDays(30));
        Assert.False(deadline.Token.IsCancellationRequested);
    }
}
