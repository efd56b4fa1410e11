using System.Net;
using InferenceServer.Runtime.Admission;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Tests.Admission;

public class InFlightLimitsTests
{
    private static readonly Client Here = Client.OfCaller("key:here"), There = Client.OfCaller("key:there");

    [Fact]
    public void TryEnter_WhenFull_RefusesUntilSomeoneLeaves()
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxRequests = 2 });
        InFlightLimits.Permit first = Enter(admission), second = Enter(admission), late = admission.Open(null);
        Assert.Equal(Full(InFlightLimits.Limit.Requests), late.Peek(Priority.Interactive));
        Assert.Equal(Full(InFlightLimits.Limit.Requests), late.TryEnter(Priority.Interactive));
        Assert.Equal(2, admission.Requests);

        first.Dispose();

        Assert.Null(late.Peek(Priority.Interactive));
        Assert.Null(late.TryEnter(Priority.Interactive));
        second.Dispose();
        late.Dispose();
        Assert.Equal(0, admission.Requests);
    }

    [Fact]
    public void TryEnter_BatchClass_LeavesRoomForPeople()
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxRequests = 4, BackgroundShare = 0.5 });
        Enter(admission, Priority.Background);
        Enter(admission, Priority.Background);
        Assert.NotNull(admission.Open(null).TryEnter(Priority.Background));

        Enter(admission);
        Enter(admission);
        Assert.NotNull(admission.Open(null).TryEnter(Priority.Interactive));
    }

    [Fact]
    public void TryEnter_FromManyThreads_NeverLetsInMoreThanTheLimit()
    {
        const int limit = 5;
        InFlightLimits admission = Create(new SchedulingOptions { MaxRequests = limit });
        int inside = 0, most = 0;
        Parallel.For(0, 10_000, i =>
        {
            using InFlightLimits.Permit permit = admission.Open(i % 3 == 0 ? null : Here);
            if (permit.TryEnter(Priority.Interactive) is not null)
            {
                return;
            }

            int now = Interlocked.Increment(ref inside);
            for (int seen = most; now > seen; seen = most)
            {
                Interlocked.CompareExchange(ref most, now, seen);
            }

            Interlocked.Decrement(ref inside);
        });
        Assert.InRange(most, 1, limit);
        Assert.Equal((0, 0), (admission.Requests, admission.Clients));
    }

    [Fact]
    public void TryHold_BytesAndPixels_AreCountedOnceAndGivenBack()
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxBytesInFlight = 2000, MaxPixelsInFlight = 100 });
        InFlightLimits.Permit first = Enter(admission), second = Enter(admission);

        Assert.Null(first.TryHoldBytes(500));
        Assert.Null(first.TryHoldBytes(1500)); // has grown, not come on top
        Assert.Null(first.TryHoldPixels(100));
        Assert.Equal((1500, 100), (admission.Bytes, admission.Pixels));
        Assert.Equal(Full(InFlightLimits.Limit.Bytes), second.TryHoldBytes(501));
        Assert.Null(second.TryHoldBytes(500));
        Assert.Equal(Full(InFlightLimits.Limit.Pixels), second.TryHoldPixels(1));

        first.Dispose();
        second.Dispose();
        Assert.Equal((0, 0, 0), (admission.Requests, admission.Bytes, admission.Pixels));
    }

    // Each limit is 8 and a client's share of it 4; one request claims 2.
    [Theory]
    [InlineData(InFlightLimits.Limit.Requests)]
    [InlineData(InFlightLimits.Limit.Readers)]
    [InlineData(InFlightLimits.Limit.Bytes)]
    [InlineData(InFlightLimits.Limit.Pixels)]
    [InlineData(InFlightLimits.Limit.Answers)]
    public void Claims_OfOneClient_LeaveHalfToOthers(int limit)
    {
        InFlightLimits admission = Create(new SchedulingOptions
        {
            ClientShare = 0.5, MaxRequests = limit == InFlightLimits.Limit.Readers ? 1 : 4, MaxBytesInFlight = 8, MaxPixelsInFlight = 8,
            MaxAnswerBytes = 8,
        });
        Func<InFlightLimits.Permit, Refusal?> claim = limit switch
        {
            InFlightLimits.Limit.Requests => permit => permit.TryEnter(Priority.Interactive),
            InFlightLimits.Limit.Readers => permit => permit.TryRead(),
            InFlightLimits.Limit.Bytes => permit => permit.TryHoldBytes(2),
            InFlightLimits.Limit.Pixels => permit => permit.TryHoldPixels(2),
            _ => permit => permit.TryLeave(2) ? null : new Refusal(limit, IsOfClient: true),
        };
        List<InFlightLimits.Permit> open = [];

        Assert.Equal([null, null, new Refusal(limit, IsOfClient: true)], Claims(Here, 3));
        Assert.Equal([null, null], Claims(There, 2));
        Assert.NotNull(Assert.Single(Claims(null, 1)));

        open.ForEach(permit => permit.Dispose());
        Assert.Equal(
            (0, 0, 0, 0, 0, 0),
            (
                admission.Requests, admission.Readers, admission.Bytes, admission.Pixels, admission.AnswerBytes,
                admission.Clients));

        Refusal?[] Claims(Client? client, int count) => [.. Enumerable.Range(0, count).Select(_ =>
        {
            open.Add(admission.Open(client));
            return claim(open[^1]);
        })];
    }

    [Fact]
    public void TryHold_MoreThanAShare_IsGrantedToAClientThatHoldsNothingElse()
    {
        InFlightLimits admission = Create(new SchedulingOptions { ClientShare = 0.5, MaxPixelsInFlight = 100 });
        using InFlightLimits.Permit large = admission.Open(Here), second = admission.Open(Here);

        Assert.Null(large.TryHoldPixels(60));
        Assert.Null(large.TryHoldMorePixels(20));

        Assert.Equal(new Refusal(InFlightLimits.Limit.Pixels, IsOfClient: true), second.TryHoldPixels(1));
    }

    [Fact]
    public void TryLeave_RoomForTheAnswer_GivesEverythingElseBack()
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxAnswerBytes = 2000 });
        using InFlightLimits.Permit made = Hold(admission, Here);

        Assert.True(made.TryLeave(900));

        Assert.Equal((0, 0, 0, 900), (admission.Requests, admission.Bytes, admission.Pixels, admission.AnswerBytes));
    }

    [Theory]
    [InlineData(1001, false)] // never finds room: no reason to refuse the client's next request
    [InlineData(1000, true)]
    public void TryLeave_NoRoom_KeepsEverythingAndRefusesAClientThatDoesNotRead(int bytes, bool refusesNext)
    {
        InFlightLimits admission = Create(new SchedulingOptions { MaxAnswerBytes = 2000 });
        using InFlightLimits.Permit first = Hold(admission, Here), next = admission.Open(Here), other = admission.Open(There);
        Assert.True(first.TryLeave(1));
        InFlightLimits.Permit large = Hold(admission, Here);

        Assert.False(large.TryLeave(bytes));

        Assert.Equal((1, 10, 10, 1), (admission.Requests, admission.Bytes, admission.Pixels, admission.AnswerBytes));
        Assert.Equal(refusesNext, next.Peek(Priority.Interactive) is { Limit: InFlightLimits.Limit.Answers, IsOfClient: true });
        Assert.Null(other.Peek(Priority.Interactive));
        large.Dispose();
        Assert.Null(next.Peek(Priority.Interactive));
    }

    [Fact]
    public void Open_ThousandsOfAddresses_LeaveNoEntry()
    {
        InFlightLimits admission = Create(new SchedulingOptions());
        Parallel.For(0, 5000, i =>
        {
            using InFlightLimits.Permit permit = admission.Open(Client.OfAddress(new IPAddress(i + 1)));
            permit.TryRead();
            permit.TryEnter(Priority.Interactive);
        });

        Assert.Equal(0, admission.Clients);
    }

    private static InFlightLimits Create(SchedulingOptions options) => new(Options.Create(options));

    private static Refusal Full(int limit) => new(limit, IsOfClient: false);

    private static InFlightLimits.Permit Enter(InFlightLimits admission, Priority priority = Priority.Interactive)
    {
        InFlightLimits.Permit permit = admission.Open(null);
        Assert.Null(permit.TryEnter(priority));
        return permit;
    }

    private static InFlightLimits.Permit Hold(InFlightLimits admission, Client client)
    {
        InFlightLimits.Permit permit = admission.Open(client);
        Assert.Null(permit.TryEnter(Priority.Interactive) ?? permit.TryHoldBytes(10) ?? permit.TryHoldPixels(10));
        return permit;
    }
}
