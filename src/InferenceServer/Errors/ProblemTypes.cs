using System.Text.Json;
using InferenceServer.Runtime;

namespace InferenceServer.Errors;

/// <summary>The type of each kind of failure, a URN that programs can compare.</summary>
internal static class ProblemTypes
{
    private static readonly string[] All =
        [.. Enum.GetNames<SegmentationError>().Select(name => Of(JsonNamingPolicy.KebabCaseLower.ConvertName(name)))];

    public static string Of(SegmentationError error) => All[(int)error];

    public static string Of(string kind) => "urn:inference-server:" + kind;
}
