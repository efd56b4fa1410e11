using InferenceServer.Runtime.Batching;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Runtime.Tests.Batching;

/// <summary>A network that takes 30 ms on all processors, and 50 ms beside another run.</summary>
public sealed class RunForecastTests
{
    private const long Pixels = 1000;
    private readonly FakeTimeProvider _clock = new();
    private readonly RunForecast _forecast;

    public RunForecastTests() => _forecast = new RunForecast(_clock);

    [Theory]
    [InlineData(29, 0)] // 21 + 30 ms are no gain over 50
    [InlineData(31, 25.25)] // an eighth more than the 19 ms that are left: runs vary
    [InlineData(50, 6.25)]
    [InlineData(56, 0.25)]
    [InlineData(57, 0)] // the run takes unusually long
    public void Wait_BesideARun_LastsUntilItsEndWhereThatIsSooner(int after, double expected)
    {
        Learn(interval: 100);
        _forecast.Start(Pixels, isAlone: false);
        Pass(after);

        Assert.Equal(expected, _forecast.Wait(Pixels).TotalMilliseconds, 3);
    }

    [Fact]
    public void Wait_ImagesThatComeFasterThanRunsOnAllProcessors_IsZero()
    {
        Learn(interval: 29);
        _forecast.Start(Pixels, isAlone: false);
        Pass(40);

        Assert.Equal(TimeSpan.Zero, _forecast.Wait(Pixels));
    }

    [Fact]
    public void Wait_BesideALargeAndASmallImage_LastsUntilTheLargeIsDone()
    {
        Learn(interval: 100);
        _forecast.Start(Pixels, isAlone: false);
        _forecast.Start(2 * Pixels, isAlone: false); // 100 ms
        Pass(90);

        Assert.Equal(22.5, _forecast.Wait(Pixels).TotalMilliseconds, 3);
        Assert.Equal(TimeSpan.Zero, _forecast.Wait(Pixels / 4)); // 12.5 ms beside them
    }

    [Fact]
    public void Wait_NothingKnownOrNothingRunning_IsZero()
    {
        Assert.Equal(TimeSpan.Zero, _forecast.Wait(Pixels));
        RunForecast.Run run = _forecast.Start(Pixels, isAlone: false);
        Assert.Equal(TimeSpan.Zero, _forecast.Wait(Pixels));
        Pass(50);
        _forecast.End(run);
        Learn(interval: 100);

        Assert.Equal(TimeSpan.Zero, _forecast.Wait(Pixels));
    }

    private void Learn(int interval)
    {
        for (int i = 0; i < 40; i++)
        {
            _forecast.Arrive(Pixels);
            Pass(interval);
        }

        _forecast.Arrive(Pixels);
        foreach ((bool isAlone, int time) in ((bool, int)[])[(true, 30), (false, 50)])
        {
            RunForecast.Run run = _forecast.Start(Pixels, isAlone);
            Pass(time);
            _forecast.End(run);
        }
    }

    private void Pass(int milliseconds) => _clock.Advance(TimeSpan.FromMilliseconds(milliseconds));
}
