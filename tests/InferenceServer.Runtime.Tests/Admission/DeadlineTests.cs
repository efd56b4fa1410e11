using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Runtime.Tests.Admission;

public class DeadlineTests
{
    private readonly FakeTimeProvider _clock = new();

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

    [Theory]
    [InlineData(5, 3, 3)] // from the beginning, not from the call
    [InlineData(5, 8, 5)] // later changes nothing
    [InlineData(5, 0.5, 1)] // has passed already
    public void Shorten_AfterASecond_EndsAtTheSoonerOfTheTwo(double first, double then, double end)
    {
        using Deadline deadline = new(TimeSpan.FromSeconds(first), _clock, CancellationToken.None);
        _clock.Advance(TimeSpan.FromSeconds(1));

        deadline.Shorten(TimeSpan.FromSeconds(then));

        Assert.Equal(Math.Min(first, then), deadline.Timeout.TotalSeconds);
        _clock.Advance(TimeSpan.FromSeconds(end - 1));
        Assert.True(deadline.HasPassed);
    }

    [Fact]
    public void Shorten_WithoutLimit_HasOne()
    {
        using Deadline deadline = new(Timeout.InfiniteTimeSpan, _clock, CancellationToken.None);

        deadline.Shorten(TimeSpan.FromSeconds(1));

        _clock.Advance(TimeSpan.FromSeconds(0.9));
        Assert.False(deadline.HasPassed);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(deadline.HasPassed);
    }
}
