using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace InferenceServer.Runtime.Tests.Models;

/// <summary>What cannot be read in one model's folder harms no other model, is said, and is forgotten once it can be read.</summary>
public sealed class UnreadableFolderTests : IDisposable
{
    private const string Reason = "cannot be read";
    private readonly ModelsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_LinksThatLeadBack_AreNotFollowed()
    {
        _folder.Add("tiny", 1);
        Directory.CreateSymbolicLink(_folder.Combine("tiny", "1", "self"), ".");
        Directory.CreateSymbolicLink(_folder.Combine("tiny", "1", "model"), "..");

        using TestRuntime runtime = new(_folder.Path);

        Assert.Equal((ModelState.Ready, null), (runtime.Repository.Entry("tiny").State, runtime.Repository.Entry("tiny").Reason));
    }

    [Fact]
    public void Load_FolderThatCannotBeRead_HarmsNoOtherAndIsLoadedOnceItCan()
    {
        _folder.Add("tiny", 1, "broken");
        _folder.Add("tiny", 1);
        string fault = Break("broken");
        using TestRuntime runtime = new(_folder.Path);

        Assert.Equal(ModelState.Ready, runtime.Repository.Entry("tiny").State);
        Assert.Equal(ModelState.Unavailable, runtime.Repository.Entry("broken").State);
        Assert.Contains(Reason, runtime.Repository.Entry("broken").Reason, StringComparison.Ordinal);

        File.Delete(fault);
        Settle(runtime);
        Assert.Equal((ModelState.Ready, null), (runtime.Repository.Entry("broken").State, runtime.Repository.Entry("broken").Reason));
    }

    [Fact]
    public void Refresh_FolderThatCannotBeRead_SaysSoAfterAFewLooksAndKeepsServing()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        LoadedModel before = runtime.Repository.Entry("tiny").Model!;
        string fault = Break("tiny");

        Assert.True(runtime.Repository.Refresh(CancellationToken.None)); // perhaps its files are being moved
        Assert.Null(runtime.Repository.Entry("tiny").Reason);
        Settle(runtime);
        Assert.Equal(ModelState.Ready, runtime.Repository.Entry("tiny").State);
        Assert.Contains(Reason, runtime.Repository.Entry("tiny").Reason, StringComparison.Ordinal);

        File.Delete(fault);
        Settle(runtime);
        Assert.Null(runtime.Repository.Entry("tiny").Reason);
        Assert.Same(before, runtime.Repository.Entry("tiny").Model);
    }

    [Fact]
    public void Refresh_NewFolderThatCannotBeRead_IsListedWithItsReason()
    {
        using TestRuntime runtime = new(_folder.Path);
        _folder.Add("tiny", 1);
        Break("tiny");

        Assert.True(runtime.Repository.Refresh(CancellationToken.None));
        Assert.Equal(ModelState.Loading, runtime.Repository.Entry("tiny").State);
        Settle(runtime);
        Assert.Equal(ModelState.Unavailable, runtime.Repository.Entry("tiny").State);
        Assert.Contains(Reason, runtime.Repository.Entry("tiny").Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Reload_UnloadedAndUnreadable_IsUnavailableAndLoadedOnceItCanBeRead()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        runtime.Repository.Unload("tiny", CancellationToken.None);
        string fault = Break("tiny");

        ModelEntry asked = runtime.Repository.Reload("tiny", CancellationToken.None);
        Assert.Equal((ModelState.Unavailable, null), (asked.State, asked.Model));
        Assert.Contains(Reason, asked.Reason, StringComparison.Ordinal);

        File.Delete(fault);
        Settle(runtime);
        Assert.Equal(ModelState.Ready, runtime.Repository.Entry("tiny").State);
    }

    [Fact]
    public void Update_UnloadedAndCancelled_IsUnloadedAsBefore()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        using CancellationTokenSource cancelled = new();
        ModelEntry? last = null;
        ModelSlot slot = new(
            "tiny", runtime.Get<ModelLoader>(), versions: 1, TimeSpan.FromMinutes(10), Publish, runtime.Get<SegmentationMetrics>(),
            NullLogger.Instance);
        slot.Unload("as asked");

        Assert.ThrowsAny<OperationCanceledException>(() =>
            slot.Update(new ModelFolder(_folder.Combine("tiny")), LoadCause.Request, cancelled.Token));

        Assert.Equal((ModelState.Unavailable, "as asked", null), (last!.State, last.Reason, last.Progress));

        void Publish(ModelEntry entry)
        {
            last = entry;
            if (entry.Progress is not null)
            {
                cancelled.Cancel();
            }
        }
    }

    /// <summary>A link to itself, which no user can read: it stands for a disk that fails.</summary>
    private string Break(string model) => File.CreateSymbolicLink(_folder.Combine(model, "1", "loop"), "loop").FullName;

    private static void Settle(TestRuntime runtime)
    {
        for (int look = 0; runtime.Repository.Refresh(CancellationToken.None); look++)
        {
            Assert.True(look < 10);
        }
    }
}
