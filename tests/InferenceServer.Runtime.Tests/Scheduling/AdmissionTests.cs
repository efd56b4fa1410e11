using InferenceServer.Runtime.Scheduling;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Scheduling;

public class AdmissionTests
{
    [Fact]
    public void TryEnter_WhenFull_RefusesUntilSomeoneLeaves()
    {
        Admission admission = Create(new SchedulingOptions { MaxRequests = 2 });
        Admission.Permit first = Enter(admission), second = Enter(admission);
        Assert.Null(admission.TryEnter(Priority.Interactive));
        Assert.Equal(2, admission.Requests);

        first.Dispose();

        Admission.Permit third = Enter(admission);
        second.Dispose();
        third.Dispose();
        Assert.Equal(0, admission.Requests);
    }

    [Fact]
    public void TryEnter_BatchClass_LeavesRoomForPeople()
    {
        Admission admission = Create(new SchedulingOptions { MaxRequests = 4, BatchShare = 0.5 });
        Enter(admission, Priority.Batch);
        Enter(admission, Priority.Batch);
        Assert.Null(admission.TryEnter(Priority.Batch));

        Enter(admission);
        Enter(admission);
        Assert.Null(admission.TryEnter(Priority.Interactive));
    }

    [Fact]
    public void TryEnter_FromManyThreads_NeverLetsInMoreThanTheLimit()
    {
        const int limit = 5;
        Admission admission = Create(new SchedulingOptions { MaxRequests = limit });
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
        Admission admission = Create(new SchedulingOptions { MaxBytesInFlight = 2000, MaxPixelsInFlight = 100 });
        Admission.Permit first = Enter(admission), second = Enter(admission);

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

    private static Admission Create(SchedulingOptions options) => new(Options.Create(options));

    private static Admission.Permit Enter(Admission admission, Priority priority = Priority.Interactive)
    {
        Admission.Permit? permit = admission.TryEnter(priority);
        Assert.NotNull(permit);
        return permit;
    }
}
