using System.Text.Json;
using System.Text.Json.Nodes;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Dialects.Cvat;

/// <summary>A model as the dashboard of Nuclio describes a function.</summary>
internal static class CvatFunction
{
    public static JsonObject Describe(LoadedModel model, int port) => new()
    {
        ["metadata"] = new JsonObject
        {
            ["name"] = model.Name,
            ["namespace"] = "nuclio",
            ["annotations"] = new JsonObject
            {
                ["name"] = model.Name,
                ["type"] = "detector",
                ["version"] = model.Version.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["framework"] = "onnx",
                ["spec"] = Labels(model), // text, for annotations are
            },
        },
        ["spec"] = new JsonObject { ["description"] = "Semantic segmentation" + (model.Manifest.Architecture is { } architecture ? $" by {architecture}" : "") },
        ["status"] = new JsonObject { ["state"] = "ready", ["httpPort"] = port },
    };

    private static string Labels(LoadedModel model) => new JsonArray(
        [.. model.Classes.Names.Select((name, index) => new JsonObject { ["id"] = index, ["name"] = name, ["type"] = "mask" })]).ToJsonString(JsonSerializerOptions.Default);
}
