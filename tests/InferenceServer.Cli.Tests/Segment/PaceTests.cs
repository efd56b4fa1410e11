using InferenceServer.Cli.Segment;

namespace InferenceServer.Cli.Tests.Segment;

/// <summary>How many images are worked on at a time.</summary>
public sealed class PaceTests
{
    [Fact]
    public async Task Following_Answers_GrowsByOneARound()
    {
        Pace pace = Pace.Following();
        List<int> limits = [];
        for (int round = 0; round < 4; round++)
        {
            limits.Add(pace.Limit);
            int count = pace.Limit;
            for (int i = 0; i < count; i++)
            {
                await pace.EnterAsync(default);
            }

            for (int i = 0; i < count; i++)
            {
                pace.Leave(hasMask: true);
            }
        }

        Assert.Equal([1, 2, 2, 3], limits); // a round of 2 adds a little less than 1
    }

    [Fact]
    public async Task Following_RefusalsOfOneRound_HalveOnce()
    {
        Pace pace = Pace.Following();
        for (int i = 0; i < 60; i++)
        {
            await pace.EnterAsync(default);
            pace.Leave(hasMask: true);
        }

        int before = pace.Limit;
        for (int i = 0; i < before; i++)
        {
            await pace.EnterAsync(default);
        }

        pace.Refused();
        pace.Refused();
        pace.Refused();

        Assert.InRange(before, 8, 12);
        Assert.Equal(before / 2, pace.Limit);
        for (int i = 0; i < before; i++)
        {
            pace.Leave(hasMask: false);
        }

        pace.Refused();
        Assert.Equal(before / 4, pace.Limit);
    }

    [Fact]
    public async Task Enter_NoPlace_WaitsForOne()
    {
        Pace pace = Pace.Fixed(1);
        await pace.EnterAsync(default);
        Task second = pace.EnterAsync(default);
        Assert.False(second.IsCompleted);

        pace.Refused();
        pace.Leave(hasMask: true);

        await second;
        Assert.Equal(1, pace.Limit);
        using CancellationTokenSource stop = new();
        Task third = pace.EnterAsync(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => third);
    }
}
