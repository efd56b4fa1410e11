using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Finds by trial runs which sizes a graph takes. The declared shapes are not reliable: exporters declare
/// axes open that are fixed.</summary>
/// <param name="session">The graph, whose output is taken as it is.</param>
/// <param name="values">From pixels to the values that the graph sees.</param>
/// <param name="cancellationToken">Stops the runs.</param>
internal sealed class SizeTrials(IModelSession session, PreprocessManifest values, CancellationToken cancellationToken)
{
    private const int UsualMinimum = 32;
    private const int LargestGuess = 4_194_304; // pixels

    private static readonly (int Multiple, int Offset)[] Candidates =
    [
        (1, 0), (2, 0), (2, 1), (4, 0), (4, 1), (8, 0), (8, 1), (12, 0), (14, 0), (16, 0), (16, 1), (20, 0), (24, 0),
        (28, 0),
        (32, 0), (32, 1), (40, 0), (48, 0), (56, 0), (64, 0), (64, 1), (96, 0), (112, 0), (128, 0), (224, 0), (256, 0),
    ];

    /// <summary>The fixed sides of published models, the most common first.</summary>
    private static readonly int[] UsualSides =
    [
        512, 513, 256, 224, 384, 320, 640, 1024, 128, 192, 518, 520, 473, 480, 713, 768, 769, 321, 448, 504, 560, 160,
        288, 352, 416, 544,
        608, 672, 896, 960,
    ];

    /// <summary>Fixed heights and widths of published models.</summary>
    private static readonly (int Height, int Width)[] UsualOblongs =
    [
        (512, 1024), (1024, 2048), (256, 512), (360, 480), (480, 640), (384, 512), (720, 960), (720, 1280),
        (768, 1536), (192, 320),
        (128, 256), (256, 128), (640, 480), (512, 256), (1024, 512), (384, 640), (352, 480), (544, 960), (540, 960),
        (1080, 1920),
        (144, 256), (288, 512), (256, 192), (192, 256), (416, 800), (713, 1025), (800, 1280), (480, 320), (360, 640),
        (64, 128),
    ];

    private readonly Dictionary<ImageSize, TrialRun?> _runs = [];

    /// <summary>The reason of the last failure; null before the first.</summary>
    public string? Failure { get; private set; }

    /// <summary>Tries the rules for sides, the least strict first, until one works.</summary>
    /// <param name="side">The approximate side of the trial images.</param>
    public IReadOnlyList<SizeRule> TryRules(int side)
    {
        List<SizeRule> tried = [];
        foreach ((int multiple, int offset) in Candidates)
        {
            tried.Add(TryRule(multiple, offset, side));
            if (tried[^1].Works)
            {
                break;
            }
        }

        return tried;
    }

    /// <summary>The first of the sizes that works; null where none works.</summary>
    public ImageSize? FindFixed(IEnumerable<ImageSize> sizes)
    {
        foreach (ImageSize size in sizes.Distinct().Where(s => s.Pixels <= LargestGuess))
        {
            if (Run(size) is not null)
            {
                return size;
            }
        }

        return null;
    }

    /// <summary>The sizes of published models that have the declared sides; −1 for an open one.</summary>
    public static IEnumerable<ImageSize> Usual(int height, int width)
    {
        IEnumerable<ImageSize> squares = UsualSides.Prepend(Math.Max(height, width)).Where(s => s > 0)
            .Select(s => new ImageSize(s, s));
        IEnumerable<ImageSize> oblongs = UsualOblongs.Select(s => new ImageSize(s.Width, s.Height));
        IEnumerable<ImageSize> one = UsualSides
            .Concat(UsualOblongs.SelectMany(s => new[] { s.Height, s.Width })).Distinct()
            .Select(s => new ImageSize(width > 0 ? width : s, height > 0 ? height : s));
        IEnumerable<ImageSize> all = height > 0 || width > 0 ? squares.Concat(one) : squares.Concat(oblongs);
        return all.Where(s => (height <= 0 || s.Height == height) && (width <= 0 || s.Width == width));
    }

    /// <summary>The smallest side of a rule that works, from the manifest's default minimum on: pooling windows and
    /// mirrored padding have a least size, and a deep network has no rows left on a very small image.</summary>
    /// <param name="multiple">The step between the sides.</param>
    /// <param name="offset">Added to the multiples.</param>
    /// <param name="known">A side that works.</param>
    public int FindSmallest(int multiple, int offset, int known)
    {
        int low = Math.Max(0, (UsualMinimum - offset + multiple - 1) / multiple);
        int high = (known - offset + multiple - 1) / multiple;
        if (low >= high || Works(low))
        {
            return (Math.Min(low, high) * multiple) + offset;
        }

        while (low + 1 < high)
        {
            int middle = (low + high) / 2;
            if (Works(middle))
            {
                high = middle;
            }
            else
            {
                low = middle;
            }
        }

        return (high * multiple) + offset;

        bool Works(int k) => Run(new ImageSize((k * multiple) + offset, (k * multiple) + offset)) is not null;
    }

    /// <summary>The run at a size; null where the graph fails.</summary>
    public TrialRun? Run(ImageSize size)
    {
        if (!_runs.TryGetValue(size, out TrialRun? run))
        {
            run = TrialRun.Run(
                session, 1, size, values, cancellationToken, shapeOnly: true, failed: reason => Failure = reason);
            _runs[size] = run;
        }

        return run;
    }

    private SizeRule TryRule(int multiple, int offset, int side)
    {
        // With odd k, a graph that needs 2·multiple fails. With unequal sides, a graph with swapped axes fails.
        int k = ((side + multiple - 1) / multiple) | 1;
        int low = (k * multiple) + offset;
        int high = ((k + 2) * multiple) + offset;
        ImageSize[] tried = [new(high, low), new(low, high)];
        return new SizeRule(multiple, offset, tried, tried.All(size => Run(size) is not null));
    }
}
