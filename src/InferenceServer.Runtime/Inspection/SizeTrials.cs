using InferenceServer.Kernels;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Finds out by running it which sizes a graph takes. The file's own shapes are no guide: exporters declare
/// axes open that are not.</summary>
internal sealed class SizeTrials(IModelSession session, CancellationToken cancellationToken)
{
    /// <summary>About the side of the trials: small enough for eleven rules, larger than any network's total
    /// stride.</summary>
    private const int Side = 96;

    private const int UsualMinimum = 32;

    private static readonly (int Multiple, int Offset)[] Candidates =
        [(1, 0), (2, 0), (2, 1), (4, 0), (4, 1), (8, 0), (8, 1), (16, 0), (16, 1), (32, 0), (32, 1)];

    /// <summary>Sides that published models are fixed to.</summary>
    private static readonly int[] UsualSides = [128, 192, 224, 256, 320, 321, 384, 473, 480, 512, 513, 520, 640, 713, 768, 769, 1024];

    /// <summary>Tries every rule.</summary>
    public IReadOnlyList<SizeRule> TryRules() => [.. Candidates.Select(c => TryRule(c.Multiple, c.Offset))];

    /// <summary>The first usual square that works; null where none does.</summary>
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

    /// <summary>The smallest size of the rule, from the manifest's usual minimum on, that works; small ones run out
    /// of rows in a deep network.</summary>
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
        // Odd k: a graph that needs 2·multiple fails here. Not square: a graph with swapped axes fails, too.
        int k = ((Side + multiple - 1) / multiple) | 1;
        int low = (k * multiple) + offset;
        int high = ((k + 2) * multiple) + offset;
        ImageSize[] tried = [new(high, low), new(low, high)];
        return new SizeRule(multiple, offset, tried, tried.All(Works));
    }

    private bool Works(ImageSize size) => TrialOutput.Run(session, 1, size, cancellationToken) is { Images: 1 };
}
