using System.Diagnostics;
using System.Net.Sockets;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using Microsoft.Extensions.Logging.Abstractions;

namespace InferenceServer.Runtime.Tests.Models;

/// <summary>What never answers, such as a pipe without a writer or a volume that is away, harms one model alone.</summary>
public sealed class HangingLoadTests : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(50);
    private readonly ModelsFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Files of a model, and what stands there in place of a file.</summary>
    public static TheoryData<string, string> Places => new()
    {
        { "1/model.onnx", "a named pipe" },
        { "model.json", "a named pipe" },
        { "1/weights.bin", "a named pipe" },
        { "1/model.onnx", "a device" },
        { "1/model.onnx", "a socket" },
    };

    [Theory, MemberData(nameof(Places))]
    public void Load_FileThatIsNone_IsNamedAndHarmsNoOther(string file, string obstacle)
    {
        _folder.Add("tiny", 1, "first");
        _folder.Add("tiny", 1);
        string path = _folder.Combine("first", file);
        File.Delete(path);
        using Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Replace(path, obstacle, socket);

        using TestRuntime runtime = new(_folder.Path);

        Assert.Equal(ModelState.Ready, runtime.Repository.Entry("tiny").State);
        ModelEntry broken = runtime.Repository.Entry("first");
        Assert.Equal(ModelState.Unavailable, broken.State);
        Assert.Contains($"first/{file}: expected a file, got {obstacle}", broken.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Update_LongerThanTheLimit_IsGivenUpWithTheReason()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        ModelEntry? last = null;
        ModelSlot slot = new(
            "tiny", runtime.Get<ModelLoader>(), versions: 1, TimeSpan.FromMilliseconds(1), Publish,
            runtime.Get<SegmentationMetrics>(), NullLogger.Instance);

        slot.Update(new ModelFolder(_folder.Combine("tiny")), LoadCause.Start, CancellationToken.None);

        Assert.Equal(ModelState.Unavailable, last!.State);
        Assert.Contains("Models:LoadTimeout", last.Reason, StringComparison.Ordinal);

        void Publish(ModelEntry entry)
        {
            last = entry;
            if (entry.Progress is not null)
            {
                Thread.Sleep(100); // a step that takes longer than the limit
            }
        }
    }

    [Fact]
    public void Interrupt_LoadInProgress_EndsItAndTheModelIsAsBefore()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        ModelSlot slot = null!;
        ModelEntry? last = null;
        slot = new ModelSlot(
            "tiny", runtime.Get<ModelLoader>(), versions: 1, TimeSpan.FromMinutes(10), Publish, runtime.Get<SegmentationMetrics>(),
            NullLogger.Instance);
        slot.Unload("as asked");

        Assert.ThrowsAny<OperationCanceledException>(
            () => slot.Update(new ModelFolder(_folder.Combine("tiny")), LoadCause.Request, CancellationToken.None));

        Assert.Equal((ModelState.Unavailable, "as asked", null), (last!.State, last.Reason, last.Progress));

        void Publish(ModelEntry entry)
        {
            last = entry;
            if (entry.Progress is not null)
            {
                slot.Interrupt();
            }
        }
    }

    [Fact]
    public void Close_LoadInProgress_FreesWhatComesLater()
    {
        _folder.Add("tiny", 1);
        using TestRuntime runtime = new(_folder.Path);
        ModelSlot slot = null!;
        ModelEntry? last = null;
        slot = new ModelSlot(
            "tiny", runtime.Get<ModelLoader>(), versions: 1, TimeSpan.FromMinutes(10), Publish, runtime.Get<SegmentationMetrics>(),
            NullLogger.Instance);

        slot.Update(new ModelFolder(_folder.Combine("tiny")), LoadCause.Start, CancellationToken.None);

        Assert.Equal((false, ModelState.Loading), (slot.Serves, last!.State));

        void Publish(ModelEntry entry)
        {
            last = entry;
            slot.Close();
        }
    }

    [Fact]
    public async Task Load_ThatNeverReturns_IsLeftBehindAndItsResultDisposed()
    {
        using CancellationTokenSource stop = new();
        TaskCompletionSource<MemoryStream> loading = new();
        Task<MemoryStream> waiting = Task.Run(() => HangingCalls.Load(() => loading.Task.GetAwaiter().GetResult(), stop.Token));

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);

        MemoryStream late = new();
        loading.SetResult(late);
        while (late.CanRead)
        {
            await Task.Delay(1);
        }
    }

    [Fact]
    public void Read_FolderThatNeverAnswers_FailsAndIsNotAskedAgainUntilItDoes()
    {
        HangingCalls folder = new(Longest);
        using ManualResetEventSlim answers = new();
        int asked = 0;

        IOException first = Assert.Throws<IOException>(() => folder.Read(Ask, CancellationToken.None));
        Assert.Contains("Expected an answer of the file system within", first.Message, StringComparison.Ordinal);
        Assert.Throws<IOException>(() => folder.Read(Ask, CancellationToken.None));
        Assert.Equal(1, asked);

        answers.Set();
        SpinWait.SpinUntil(() => TryRead(out _));
        Assert.True(TryRead(out int count));
        Assert.Equal(asked, count);

        int Ask()
        {
            int number = ++asked;
            answers.Wait();
            return number;
        }

        bool TryRead(out int number)
        {
            number = 0;
            try
            {
                number = folder.Read(Ask, CancellationToken.None);
                return true;
            }
            catch (IOException)
            {
                return false;
            }
        }
    }

    [Fact]
    public void Look_AnswerThatIsTooLate_IsTheAnswerOfTheNextLook()
    {
        HangingCalls folder = new(Longest);
        using ManualResetEventSlim answers = new();
        using ManualResetEventSlim answered = new();

        Assert.Throws<IOException>(() => folder.Look(Ask, CancellationToken.None));
        answers.Set();
        answered.Wait();

        Assert.Equal("late", SpinUntilAnswered(() => folder.Look(() => "next", CancellationToken.None)));
        Assert.Equal("next", folder.Look(() => "next", CancellationToken.None));

        string Ask()
        {
            answers.Wait();
            answered.Set();
            return "late";
        }

        static string SpinUntilAnswered(Func<string> look)
        {
            string? answer = null;
            SpinWait.SpinUntil(() => (answer = Try(look)) is not null);
            return answer!;
        }

        static string? Try(Func<string> look)
        {
            try
            {
                return look();
            }
            catch (IOException)
            {
                return null; // the late call has not ended yet
            }
        }
    }

    private static void Replace(string path, string obstacle, Socket socket)
    {
        switch (obstacle)
        {
            case "a named pipe":
                using (Process made = Process.Start("mkfifo", [path]))
                {
                    made.WaitForExit();
                }

                break;
            case "a device":
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            default:
                socket.Bind(new UnixDomainSocketEndPoint(path));
                break;
        }
    }
}
