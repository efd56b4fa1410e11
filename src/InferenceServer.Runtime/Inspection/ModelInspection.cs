using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>What trial runs told about a graph.</summary>
internal sealed record ModelInspection
{
    /// <summary>Name of the image input.</summary>
    public required string Input { get; init; }

    /// <summary>Name of the output that was looked at.</summary>
    public required string Output { get; init; }

    /// <summary>The rules for sides, from the freest on; empty where the file declares the only size.</summary>
    public required IReadOnlyList<SizeRule> Rules { get; init; }

    /// <summary>The only size that works; null where a rule of <see cref="Rules"/> does.</summary>
    public ImageSize? Fixed { get; init; }

    /// <summary>The smallest size that was tried and works.</summary>
    public required ImageSize Smallest { get; init; }

    /// <summary>Whether two images run at once.</summary>
    public required bool Batches { get; init; }

    /// <summary>Input pixels for one output pixel along an axis.</summary>
    public required int OutputStride { get; init; }

    /// <summary>Output pixels for one input pixel along an axis.</summary>
    public required int OutputScale { get; init; }

    /// <summary>Channels of the output; 1 where it holds labels.</summary>
    public required int Channels { get; init; }

    /// <summary>The number of classes, as far as the output shows it.</summary>
    public required int Classes { get; init; }

    /// <summary>What the output seems to hold.</summary>
    public required OutputKind Kind { get; init; }

    /// <summary>What was guessed and must be checked by someone who knows the model, one sentence each.</summary>
    public required IReadOnlyList<string> Assumptions { get; init; }

    /// <summary>The freest rule that works; null where the size is fixed.</summary>
    public SizeRule? Rule
    {
        get
        {
            if (Fixed is null)
            {
                return Rules.First(rule => rule.Works);
            }

            return null;
        }
    }
}

/// <summary>Sides of multiple·k + offset, and whether a graph runs with them.</summary>
/// <param name="Multiple">The step between the sides.</param>
/// <param name="Offset">Added to the multiples.</param>
/// <param name="Tried">The sizes that were tried: odd multiples, so that no larger step explains a success.</param>
/// <param name="Works">Whether the graph ran with all of them.</param>
internal sealed record SizeRule(int Multiple, int Offset, IReadOnlyList<ImageSize> Tried, bool Works);
