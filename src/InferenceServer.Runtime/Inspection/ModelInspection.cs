using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Inspection;

/// <summary>What trial runs showed about a graph.</summary>
internal sealed record ModelInspection
{
    /// <summary>Name of the image input.</summary>
    public required string Input { get; init; }

    /// <summary>Channels of the image input.</summary>
    public required int InputChannels { get; init; }

    /// <summary>Name of the inspected output.</summary>
    public required string Output { get; init; }

    /// <summary>The rules for sides, the least strict first; empty where the file declares one fixed size.</summary>
    public required IReadOnlyList<SizeRule> Rules { get; init; }

    /// <summary>The only size that works; null where a rule of <see cref="Rules"/> works.</summary>
    public ImageSize? Fixed { get; init; }

    /// <summary>The smallest tried size that works.</summary>
    public required ImageSize Smallest { get; init; }

    /// <summary>Whether the graph runs with two images in one batch.</summary>
    public required bool Batches { get; init; }

    /// <summary>Input pixels for one output pixel along an axis.</summary>
    public required int OutputStride { get; init; }

    /// <summary>Output pixels for one input pixel along an axis.</summary>
    public required int OutputScale { get; init; }

    /// <summary>Channels of the output; 1 where the output holds labels.</summary>
    public required int Channels { get; init; }

    /// <summary>The number of classes, as far as the output shows the number.</summary>
    public required int Classes { get; init; }

    /// <summary>What the output seems to hold.</summary>
    public required OutputKind Kind { get; init; }

    /// <summary>What the inspection guessed, one sentence each; a person who knows the model must check every
    /// guess.</summary>
    public required IReadOnlyList<string> Assumptions { get; init; }

    /// <summary>The least strict rule that works; null where the size is fixed.</summary>
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

/// <summary>A rule for sides, multiple·k + offset, and whether a graph runs with such sides.</summary>
/// <param name="Multiple">The step between the sides.</param>
/// <param name="Offset">Added to the multiples.</param>
/// <param name="Tried">The tried sizes: odd multiples, so that no larger step explains a success.</param>
/// <param name="Works">Whether the graph ran with all tried sizes.</param>
internal sealed record SizeRule(int Multiple, int Offset, IReadOnlyList<ImageSize> Tried, bool Works);
