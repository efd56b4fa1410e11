using InferenceServer.Kernels;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Tests.Batching;

/// <summary>What a test asks of a scheduler.</summary>
internal static class SchedulerCalls
{
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(30);
    public static readonly ImageSize Small = new(2, 2);

    public static async Task<float> RunAsync(
        BatchScheduler scheduler, int id, ImageSize? size = null, Priority priority = Priority.Interactive, Client? client = null,
        CancellationToken cancellationToken = default)
    {
        using InputTensor input = Input(id, size ?? Small);
        using ModelOutput output = await scheduler.RunAsync(
            input, new RunContext(priority, new StageTimings(), client), cancellationToken);
        return output.Scores()[0];
    }

    public static InputTensor Input(int id, ImageSize size)
    {
        InputTensor input = new(1, size, TensorLayout.Float32Nchw(3));
        input.Values.Span.Fill(id);
        return input;
    }

    public static async Task UntilAsync(Func<bool> condition)
    {
        using CancellationTokenSource timeout = new(MaxWait);
        while (!condition())
        {
            await Task.Delay(1, timeout.Token);
        }
    }
}
