using System.Text.Json;
using System.Text.Json.Nodes;
using InferenceServer.Runtime.Models;

namespace InferenceServer.Dialects.Cvat;

/// <summary>Describes a model as a function of Nuclio.</summary>
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
                ["spec"] = Labels(model), // JSON as text, since annotations are texts
            },
        },
        ["spec"] = new JsonObject { ["description"] = Description(model.Manifest.Architecture) },
        ["status"] = new JsonObject { ["state"] = "ready", ["httpPort"] = port },
    };

    private static string Description(string? architecture)
    {
        if (architecture is null)
        {
            return "Semantic segmentation";
        }

        return $"Semantic segmentation by {architecture}";
    }

    private static string Labels(LoadedModel model) => new JsonArray(
        [
            .. model.Classes.Names.Select((name, index) => new JsonObject { ["id"] = index, ["name"] = name, ["type"] = "mask" }),
        ]).ToJsonString(JsonSerializerOptions.Default);
}
