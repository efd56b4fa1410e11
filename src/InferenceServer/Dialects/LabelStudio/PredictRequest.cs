using System.Text.Json;
using InferenceServer.Runtime;
using InferenceServer.Segment;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>A request for predictions.</summary>
/// <param name="Control">The control that takes the masks.</param>
/// <param name="Images">The image of each task.</param>
internal sealed record PredictRequest(LabelControl Control, IReadOnlyList<TaskImage> Images)
{
    private const int MaxTasks = 1000;

    /// <exception cref="SegmentationException">A member is missing or wrong.</exception>
    public static PredictRequest Parse(JsonElement body)
    {
        LabelControl control = LabelControl.Parse(
            JsonBody.Text(body, "label_config") ?? throw JsonBody.Invalid("expected a member 'label_config'."));
        bool hasTasks = body.TryGetProperty("tasks", out JsonElement tasks) && tasks.ValueKind == JsonValueKind.Array;
        if (!hasTasks || tasks.GetArrayLength() > MaxTasks)
        {
            throw JsonBody.Invalid($"expected a member 'tasks', a list of at most {MaxTasks}.");
        }

        return new PredictRequest(control, [.. tasks.EnumerateArray().Select(task => Image(task, control.Key))]);
    }

    private static TaskImage Image(JsonElement task, string key)
    {
        if (task.ValueKind == JsonValueKind.Object
            && task.TryGetProperty("data", out JsonElement data) && data.ValueKind == JsonValueKind.Object
            && JsonBody.Text(data, key) is { } image)
        {
            _ = task.TryGetProperty("id", out JsonElement id);
            return new TaskImage(image, id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out long number) ? number : null);
        }

        throw JsonBody.Invalid(
            $"expected the image of each task as text in data.{key}, as the labelling configuration says, found "
            + "none.");
    }
}

/// <summary>The image of a task.</summary>
/// <param name="Place">A URL, a path of Label Studio, or an object of a cloud storage.</param>
/// <param name="Task">The task's number; null where the request has none.</param>
internal readonly record struct TaskImage(string Place, long? Task);
