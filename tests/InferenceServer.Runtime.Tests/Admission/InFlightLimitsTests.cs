using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Admission;

public class InFlightLimitsTests
{
    [Fact]
    public void TryEnter_WhenFull_RefusesUntilSomeoneLeaves()
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxRequests = 2 });
        InFlightLimits.Permit first = Enter(admission), second = Enter(admission);
        Assert.Null(admission.TryEnter(Priority.Interactive));
        Assert.Equal(2, admission.Requests);

        first.Dispose();

        InFlightLimits.Permit third = Enter(admission);
        second.Dispose();
        third.Dispose();
        Assert.Equal(0, admission.Requests);
    }

    [Fact]
    public void TryEnter_BatchClass_LeavesRoomForPeople()
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxRequests = 4, BackgroundShare = 0.5 });
        Enter(admission, Priority.Background);
        Enter(admission, Priority.Background);
        Assert.Null(admission.TryEnter(Priority.Background));

        Enter(admission);
        Enter(admission);
        Assert.Null(admission.TryEnter(Priority.Interactive));
    }

    [Fact]
    public void TryEnter_FromManyThreads_NeverLetsInMoreThanTheLimit()
    {
        const int limit = 5;
        InFlightLimits admission = Create(new SchedulingOptions { MaxRequests = limit });
        int inside = 0, most = 0;
        Parallel.For(0, 10_000, _ =>
        {
            if (admission.TryEnter(Priority.Interactive) is { } permit)
            {
                int now = Interlocked.Increment(ref inside);
                for (int seen = most; now > seen; seen = most)
                {
                    Interlocked.CompareExchange(ref most, now, seen);
                }

                Interlocked.Decrement(ref inside);
                permit.Dispose();
            }
        });
        Assert.InRange(most, 1, limit);
        Assert.Equal(0, admission.Requests);
    }

    [Fact]
    public void TryHold_BytesAndPixels_AreCountedOnceAndGivenBack()
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxBytesInFlight = 2000, MaxPixelsInFlight = 100 });
        InFlightLimits.Permit first = Enter(admission), second = Enter(admission);

        Assert.True(first.TryHoldBytes(500));
        Assert.True(first.TryHoldBytes(1500)); // has grown, not come on top
        Assert.True(first.TryHoldPixels(100));
        Assert.Equal((1500, 100), (admission.Bytes, admission.Pixels));
        Assert.False(second.TryHoldBytes(501));
        Assert.True(second.TryHoldBytes(500));
        Assert.False(second.TryHoldPixels(1));

        first.Dispose();
        second.Dispose();
        Assert.Equal((0, 0, 0), (admission.Requests, admission.Bytes, admission.Pixels));
    }

    private static InFlightLimits Create(SchedulingOptions options) => new(Options.Create(options));

    private static InFlightLimits.Permit Enter(InFlightLimits admission, Priority priority = Priority.Interactive)
    {
        InFlightLimits.Permit? permit = admission.TryEnter(priority);
        Assert.NotNull(permit);
        return permit;
    }
}
