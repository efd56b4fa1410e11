using InferenceServer.Kernels;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Sides of multiple·k + offset, and whether a graph runs with them.</summary>
/// <param name="Multiple">The step between the sides.</param>
/// <param name="Offset">Added to the multiples.</param>
/// <param name="Tried">The sizes that were tried: odd multiples, so that no larger step explains a success.</param>
/// <param name="Works">Whether the graph ran with all of them.</param>
public sealed record SizeRule(int Multiple, int Offset, IReadOnlyList<ImageSize> Tried, bool Works);
