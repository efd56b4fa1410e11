using InferenceServer.Kernels;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Finds by trial runs which sizes a graph takes. The declared shapes are not reliable: exporters declare
/// axes open that are fixed.</summary>
internal sealed class SizeTrials(IModelSession session, CancellationToken cancellationToken)
{
    /// <summary>The approximate side of the trial images: small enough to try eleven rules, and larger than any
    /// network's total stride.</summary>
    private const int Side = 96;

    private const int UsualMinimum = 32;

    private static readonly (int Multiple, int Offset)[] Candidates =
        [(1, 0), (2, 0), (2, 1), (4, 0), (4, 1), (8, 0), (8, 1), (16, 0), (16, 1), (32, 0), (32, 1)];

    /// <summary>The fixed sides of published models.</summary>
    private static readonly int[] UsualSides = [128, 192, 224, 256, 320, 321, 384, 473, 480, 512, 513, 520, 640, 713, 768, 769, 1024];

    /// <summary>Tries every rule for sides.</summary>
    public IReadOnlyList<SizeRule> TryRules() => [.. Candidates.Select(c => TryRule(c.Multiple, c.Offset))];

    /// <summary>The first common square size that works; null where none works.</summary>
    public ImageSize? FindFixed()
    {
        foreach (int side in UsualSides)
        {
            if (Works(new ImageSize(side, side)))
            {
                return new ImageSize(side, side);
            }
        }

        return null;
    }

    /// <summary>The smallest size of the rule that works, from the manifest's default minimum on; a deep network has
    /// no rows left on a very small image.</summary>
    public ImageSize FindSmallest(SizeRule rule)
    {
        foreach (int least in new[] { UsualMinimum, 2 * UsualMinimum })
        {
            int side = ((least + rule.Multiple - 1) / rule.Multiple * rule.Multiple) + rule.Offset;
            ImageSize size = new(side, side);
            if (Works(size))
            {
                return size;
            }
        }

        return rule.Tried[0];
    }

    private SizeRule TryRule(int multiple, int offset)
    {
        // With odd k, a graph that needs 2·multiple fails. With unequal sides, a graph with swapped axes fails.
        int k = ((Side + multiple - 1) / multiple) | 1;
        int low = (k * multiple) + offset;
        int high = ((k + 2) * multiple) + offset;
        ImageSize[] tried = [new(high, low), new(low, high)];
        return new SizeRule(multiple, offset, tried, tried.All(Works));
    }

    private bool Works(ImageSize size) => TrialOutput.Run(session, 1, size, cancellationToken) is { Images: 1 };
}
