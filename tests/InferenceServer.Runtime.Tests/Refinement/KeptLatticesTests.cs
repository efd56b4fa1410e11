using DenseCrf;
using InferenceServer.Kernels;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace InferenceServer.Runtime.Tests.Refinement;

public sealed class KeptLatticesTests
{
    private static readonly Client Lab = Client.OfCaller("key:lab"), Other = Client.OfCaller("key:other");
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Take_KeyOfTheCaller_GivesTheWorkspaceOnce()
    {
        using KeptLattices kept = Create(1 << 30);
        CrfWorkspace workspace = Refined();
        LatticeTicket first = new(Lab, wanted: null);

        Assert.True(kept.TryKeep(workspace, first, isTaken: false));
        Assert.Equal(32, first.Key!.Length);
        Assert.Equal(workspace.Bytes, kept.Bytes);

        Assert.Null(kept.Take(new LatticeTicket(Other, first.Key)));
        Assert.Null(kept.Take(new LatticeTicket(null, first.Key)));
        Assert.Null(kept.Take(new LatticeTicket(Lab, new string('0', 32))));
        Assert.Same(workspace, kept.Take(new LatticeTicket(Lab, first.Key)));
        Assert.Null(kept.Take(new LatticeTicket(Lab, first.Key)));
        Assert.Equal(0, kept.Bytes);
        workspace.Dispose();
    }

    [Fact]
    public void TryKeep_TakenWorkspace_KeepsItsKey()
    {
        using KeptLattices kept = Create(1 << 30);
        LatticeTicket first = new(Lab, wanted: null);
        kept.TryKeep(Refined(), first, isTaken: false);
        LatticeTicket second = new(Lab, first.Key);

        CrfWorkspace workspace = kept.Take(second)!;
        kept.TryKeep(workspace, second, isTaken: true);

        Assert.Equal(first.Key, second.Key);
    }

    [Fact]
    public void TryKeep_WithoutRoom_FreesTheOldest()
    {
        CrfWorkspace[] workspaces = [Refined(), Refined(), Refined()];
        long bytes = Trimmed(workspaces[0]);
        using KeptLattices kept = Create((2 * bytes) + 1);
        LatticeTicket[] tickets = [new(Lab, null), new(Lab, null), new(Other, null)];
        foreach ((CrfWorkspace workspace, LatticeTicket ticket) in workspaces.Zip(tickets))
        {
            Assert.True(kept.TryKeep(workspace, ticket, isTaken: false));
        }

        Assert.Equal(2 * bytes, kept.Bytes);
        Assert.Equal(0, workspaces[0].Bytes);
        Assert.Null(kept.Take(new LatticeTicket(Lab, tickets[0].Key)));
        Assert.Same(workspaces[1], kept.Take(new LatticeTicket(Lab, tickets[1].Key)));
        workspaces[1].Dispose();
    }

    [Fact]
    public void TryKeep_ShareOfTheClientIsUsed_FreesItsOwn()
    {
        CrfWorkspace[] workspaces = [Refined(), Refined(), Refined()];
        long bytes = Trimmed(workspaces[0]);
        using KeptLattices kept = Create(3 * bytes, share: 0.5);
        LatticeTicket of = new(Other, null), first = new(Lab, null), second = new(Lab, null);
        kept.TryKeep(workspaces[0], of, isTaken: false);
        kept.TryKeep(workspaces[1], first, isTaken: false);

        Assert.True(kept.TryKeep(workspaces[2], second, isTaken: false));

        Assert.Equal((bytes, 0, bytes), (workspaces[0].Bytes, workspaces[1].Bytes, workspaces[2].Bytes));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    public void TryKeep_LargerThanAll_KeepsNothing(long limit)
    {
        using KeptLattices kept = Create(limit);
        using CrfWorkspace workspace = Refined();
        LatticeTicket ticket = new(Lab, null);

        Assert.False(kept.TryKeep(workspace, ticket, isTaken: false));

        Assert.Null(ticket.Key);
        Assert.True(workspace.Bytes > 0);
    }

    [Fact]
    public void KeptFor_AfterTheLastUse_FreesTheMemory()
    {
        using KeptLattices kept = Create(1 << 30);
        CrfWorkspace old = Refined(), used = Refined();
        LatticeTicket first = new(Lab, null), second = new(Lab, null);
        kept.TryKeep(old, first, isTaken: false);
        kept.TryKeep(used, second, isTaken: false);
        _time.Advance(TimeSpan.FromSeconds(90));
        LatticeTicket again = new(Lab, second.Key);
        kept.TryKeep(kept.Take(again)!, again, isTaken: true);

        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal((0, used.Bytes), (old.Bytes, kept.Bytes));

        _time.Advance(TimeSpan.FromSeconds(90));
        Assert.Equal((0, 0), (used.Bytes, kept.Bytes));
    }

    [Fact]
    public async Task Refine_WithATicket_GivesTheSameLabels()
    {
        using KeptLattices kept = Create(1 << 30);
        using CrfRefiner refiner = new(Options.Create(new CrfOptions { Threads = 1 }), kept);
        byte[] rgb = Rgb();
        LatticeTicket first = new(Lab, null);

        byte[] labels = await LabelsAsync(refiner, rgb, first);
        LatticeTicket second = new(Lab, first.Key);
        byte[] again = await LabelsAsync(refiner, rgb, second);
        byte[] without = await LabelsAsync(refiner, rgb, ticket: null);

        Assert.Equal(first.Key, second.Key);
        Assert.Equal(labels, again);
        Assert.Equal(labels, without);
        Assert.Equal(2, labels.Distinct().Count());
    }

    [Fact]
    public async Task Refine_CallerThatGivesUp_HasItsLatticeStill()
    {
        using KeptLattices kept = Create(1 << 30);
        using CrfRefiner refiner = new(Options.Create(new CrfOptions { Threads = 1 }), kept);
        LatticeTicket first = new(Lab, null);
        await LabelsAsync(refiner, Rgb(), first);
        long bytes = kept.Bytes;
        CrfWorkspace lattice = kept.Take(new LatticeTicket(Lab, first.Key))!;
        kept.TryKeep(lattice, new LatticeTicket(Lab, first.Key), isTaken: true);

        LatticeTicket second = new(Lab, first.Key);
        await Assert.ThrowsAnyAsync<Exception>(() => LabelsAsync(refiner, Rgb()[..30], second)); // fails within the refinement

        Assert.Equal(bytes, kept.Bytes);
        Assert.Same(lattice, kept.Take(new LatticeTicket(Lab, first.Key)));
        lattice.Dispose();
    }

    // The pool's workspaces have the memory of their largest image.
    [Fact]
    public async Task Refine_AfterALargeImageWithoutATicket_KeepsNoMoreThanTheSmallOne()
    {
        using KeptLattices kept = Create(1 << 30), alone = Create(1 << 30);
        using CrfRefiner refiner = new(Options.Create(new CrfOptions { Threads = 1, Concurrency = 1 }), kept);
        using CrfRefiner fresh = new(Options.Create(new CrfOptions { Threads = 1, Concurrency = 1 }), alone);
        ImageSize large = new(300, 300);
        PooledBuffer<float> half = new((int)large.Pixels * 2);
        half.Span.Fill(0.5f);
        byte[] noise = new byte[large.Pixels * 3];
        new Random(3).NextBytes(noise);
        using Mask mask = new(large, withConfidence: false, half);
        CrfSettings settings = refiner.Resolve(null, new CrfOverrides { Iterations = 1 });
        using Mask refined = await refiner.RefineAsync(mask, 2, noise, default, settings, CancellationToken.None);

        LatticeTicket ticket = new(Lab, null), other = new(Lab, null);
        await LabelsAsync(refiner, Rgb(), ticket);
        await LabelsAsync(fresh, Rgb(), other);

        Assert.NotNull(ticket.Key);
        Assert.Equal(alone.Bytes, kept.Bytes);
    }

    private const int Side = 40;

    private KeptLattices Create(long bytes, double share = 1) => new(
        Options.Create(new CrfOptions { KeptBytes = bytes }), Options.Create(new SchedulingOptions { ClientShare = share }), _time);

    private static byte[] Rgb() =>
        [.. Enumerable.Range(0, Side * Side).SelectMany(i => Enumerable.Repeat((byte)(i % Side < 20 ? 30 : 200), 3))];

    private static float[] Scores()
    {
        float[] second = [.. Enumerable.Range(0, Side * Side).Select(i => i % Side < 23 ? 0.4f : 0.7f)];
        return [.. second.Select(p => 1 - p), .. second];
    }

    private static CrfWorkspace Refined()
    {
        CrfWorkspace workspace = new(1 << 30);
        CrfParameters parameters = new() { Kernels = [CrfKernel.Gaussian(3, 1), CrfKernel.Bilateral(4, 10, 5)], Iterations = 2 };
        CrfInference.Label(
            CrfInput.FromProbabilities(Scores(), Rgb(), Side, Side, 2), parameters, workspace, new byte[Side * Side]);
        return workspace;
    }

    private static long Trimmed(CrfWorkspace workspace)
    {
        long before = workspace.Bytes;
        workspace.Trim();
        Assert.InRange(workspace.Bytes, 1, before - 1);
        return workspace.Bytes;
    }

    private static async Task<byte[]> LabelsAsync(CrfRefiner refiner, byte[] rgb, LatticeTicket? ticket)
    {
        float[] scores = Scores();
        PooledBuffer<float> given = new(scores.Length);
        scores.CopyTo(given.Span);
        using Mask mask = new(new Kernels.ImageSize(Side, Side), withConfidence: false, given);
        CrfSettings settings = refiner.ResolveGiven(kernels: null, new CrfOverrides());
        using Mask refined = await refiner.RefineAsync(mask, 2, rgb, (false, false), settings, CancellationToken.None, ticket);
        return refined.Labels.ToArray();
    }
}
