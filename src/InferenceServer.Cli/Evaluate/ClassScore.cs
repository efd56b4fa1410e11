namespace InferenceServer.Cli.Evaluate;

/// <summary>The scores of one class; null where they are 0/0.</summary>
/// <param name="Index">The class's index.</param>
/// <param name="Name">The class's name.</param>
/// <param name="Iou">Intersection over union.</param>
/// <param name="Accuracy">Share of its pixels that were found.</param>
/// <param name="Dice">Dice coefficient.</param>
/// <param name="Share">Its share of the counted pixels.</param>
internal sealed record ClassScore(int Index, string Name, double? Iou, double? Accuracy, double? Dice, double? Share);
