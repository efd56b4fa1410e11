using System.Globalization;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>Values of labels that exist once, so that a measurement allocates none.</summary>
internal static class MetricTags
{
    private static readonly string[] Numbers = [.. Enumerable.Range(0, 600).Select(n => n.ToString(CultureInfo.InvariantCulture))];

    private static readonly KeyValuePair<string, object?>[] Stages =
    [
        .. StageTimings.Names.Select(name => KeyValuePair.Create("stage", (object?)name))
    ];

    public static KeyValuePair<string, object?> Model(string name) => new("model", name);

    public static KeyValuePair<string, object?> Of(Stage stage) => Stages[(int)stage];

    /// <summary>Status codes and versions.</summary>
    public static string Number(int number) =>
        (uint)number < (uint)Numbers.Length ? Numbers[number] : number.ToString(CultureInfo.InvariantCulture);
}
