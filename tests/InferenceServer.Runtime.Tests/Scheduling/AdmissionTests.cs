using InferenceServer.Runtime.Scheduling;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Scheduling;

public class AdmissionTests
{
    [Fact]
    public void TryEnter_WhenFull_RefusesUntilSomeoneLeaves()
    {
        Admission admission = new(Options.Create(new SchedulingOptions { MaxRequests = 2 }));
        Assert.True(admission.TryEnter(out Admission.Permit first));
        Assert.True(admission.TryEnter(out Admission.Permit second));
        Assert.False(admission.TryEnter(out _));
        Assert.Equal(2, admission.Requests);

        first.Dispose();

        Assert.True(admission.TryEnter(out Admission.Permit third));
        second.Dispose();
        third.Dispose();
        Assert.Equal(0, admission.Requests);
    }

    [Fact]
    public void TryEnter_FromManyThreads_NeverLetsInMoreThanTheLimit()
    {
        const int limit = 5;
        Admission admission = new(Options.Create(new SchedulingOptions { MaxRequests = limit }));
        int inside = 0, most = 0;
        Parallel.For(0, 10_000, _ =>
        {
            if (admission.TryEnter(out Admission.Permit permit))
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
}
