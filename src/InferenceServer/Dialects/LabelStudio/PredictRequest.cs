using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Segment;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>What Label Studio asks predictions for.</summary>
/// <param name="Control">Where masks go.</param>
/// <param name="Images">The image of each task.</param>
internal sealed record PredictRequest(LabelControl Control, IReadOnlyList<string> Images)
{
    private const int MaxTasks = 1000;

    /// <exception cref="SegmentationException">Something is missing.</exception>
    public static PredictRequest Parse(JsonElement body)
    {
        LabelControl control = LabelControl.Parse(JsonBody.Text(body, "label_config") ?? throw JsonBody.Invalid("expected a member 'label_config'."));
        if (!body.TryGetProperty("tasks", out JsonElement tasks) || tasks.ValueKind != JsonValueKind.Array || tasks.GetArrayLength() > MaxTasks)
        {
            throw JsonBody.Invalid($"expected a member 'tasks', a list of at most {MaxTasks}.");
        }

        return new PredictRequest(control, [.. tasks.EnumerateArray().Select(task => Image(task, control.Key))]);
    }

    private static string Image(JsonElement task, string key) =>
        task.ValueKind == JsonValueKind.Object && task.TryGetProperty("data", out JsonElement data) && data.ValueKind == JsonValueKind.Object && JsonBody.Text(data, key) is { } image
            ? image : throw JsonBody.Invalid($"a task has no text at data.{key}, where the labelling configuration says its image is.");
}
