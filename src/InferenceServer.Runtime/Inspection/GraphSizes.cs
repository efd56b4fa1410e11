using InferenceServer.Kernels;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Manifests;
using OnnxGraph;

namespace InferenceServer.Runtime.Inspection;

/// <summary>The sizes that a graph takes, and the sizes that it returns for them.</summary>
/// <param name="trials">Runs the graph.</param>
/// <param name="graph">The graph, whose constants may show a size that was baked in.</param>
internal sealed class GraphSizes(SizeTrials trials, Graph graph)
{
    private const int TypicalSide = 128;
    private const int LeastBaked = 16;
    private const int MostBaked = 4096;
    private const int MostCandidates = 48;

    private static readonly int[] SmallSides = [96, 192];
    private static readonly int[] LargeSides = [384, 640];

    /// <summary>Sides with many divisors.</summary>
    private static readonly int[] EvenSides = [128, 224, 448];
    private static readonly int[] Scales = [1, 2, 4, 8];
    private static readonly int[] Steps = [2, 4, 7, 8, 14, 16, 28, 32, 64];

    private SizeRule? _rule;
    private ImageSize? _only;

    /// <summary>The tried rules for sides, the least strict first; empty where the file declares one fixed
    /// size.</summary>
    public IReadOnlyList<SizeRule> Rules { get; private set; } = [];

    /// <summary>Runs at two sizes, a wide and a high one; one run where the graph takes one size.</summary>
    public IReadOnlyList<TrialRun> Runs { get; private set; } = [];

    /// <summary>The legal sizes.</summary>
    public SizeManifest Legal { get; private set; } = new() { Multiple = 1 };

    /// <summary>Rows and columns that the graph cuts off at each side; null where it cuts off none.</summary>
    public IReadOnlyList<int>? Border { get; private set; }

    /// <summary>Whether the output has one shape for every input.</summary>
    public bool IsConstant => Runs.Count > 1 && Runs[0].Shape.SequenceEqual(Runs[1].Shape);

    /// <summary>Finds the sizes of the input.</summary>
    /// <param name="declared">The declared height and width; −1 for an open one.</param>
    /// <param name="hints">What the exporter left.</param>
    /// <param name="notes">Receives where the sizes come from.</param>
    /// <returns>Whether the graph runs at any size.</returns>
    public bool Find((int Height, int Width) declared, ExporterHints hints, IList<DraftNote> notes)
    {
        if (declared is { Height: > 0, Width: > 0 })
        {
            return Only(trials.Run(new ImageSize(declared.Width, declared.Height))?.Input, notes, why: null);
        }

        bool isOpen = declared is { Height: <= 0, Width: <= 0 };
        if (isOpen && SmallSides.Any(TryRules))
        {
            return true;
        }

        // An exporter that traces Python numbers bakes the size of its example into the graph.
        const string NoRule = "the graph ran at no other tried size";
        ImageSize[] hinted = [.. Hinted(hints).Where(Fits)];
        if (Only(trials.FindFixed(hinted), notes, NoRule + ", and the exporter names this one")
            || Only(trials.FindFixed(Baked().Where(Fits).Take(MostCandidates)), notes,
                NoRule + ", and its constants hold this one"))
        {
            return true;
        }

        return (isOpen && LargeSides.Any(TryRules))
            || Only(trials.FindFixed(SizeTrials.Usual(declared.Height, declared.Width)), notes,
                "the first usual size at which the graph ran");

        bool Fits(ImageSize size) => (declared.Height <= 0 || size.Height == declared.Height)
            && (declared.Width <= 0 || size.Width == declared.Width);
    }

    /// <summary>Finds the legal sizes and the border, once the axes of the output are known.</summary>
    /// <exception cref="ManifestException">The output has one size, at which the graph does not run.</exception>
    /// <exception cref="GraphRefusedException">The output has one size, which is too small for a mask.</exception>
    public void Settle(OutputAxes axes, ExporterHints hints, IList<DraftNote> notes)
    {
        if (IsConstant)
        {
            ImageSize grid = axes.Grid(Runs[0]);
            if (Math.Min(grid.Height, grid.Width) < LeastBaked)
            {
                throw new GraphRefusedException(
                    $"expected scores or labels of pixels, but every input gives an output of " +
                        $"{string.Join('×', Runs[0].Shape)}; name another output with --output");
            }

            const string Why = "the output has this size for every input, and so the graph is meant for inputs of " +
                "this size";
            IEnumerable<ImageSize> sizes = Scales.Select(s => new ImageSize(grid.Width * s, grid.Height * s));
            if (!Only(trials.FindFixed(sizes), notes, Why))
            {
                throw new ManifestException(
                    "preprocess.size.fixed", [$"the output has {grid.Height}×{grid.Width} for every input, but the " +
                        $"graph does not run at that size"]);
            }
        }

        Border = FindBorder(axes, hints, notes);
        if (_only is { } only)
        {
            int side = Math.Min(only.Height, only.Width);
            Legal = new SizeManifest { Multiple = 1, Fixed = [only.Height, only.Width], Min = side };
            return;
        }

        (int multiple, int offset) = (_rule!.Multiple, _rule.Offset);
        if (offset == 0)
        {
            int whole = WholeStep(axes, multiple);
            if (whole != multiple)
            {
                Note(notes, DraftNoteKind.Taken, "preprocess.size", $"other sides than multiples of {whole} leave " +
                    $"pixels at the border unseen");
                multiple = whole;
            }
        }

        int hinted = 0;
        if (hints.Size is { Value: var hint } source)
        {
            if (hint.Fixed is not null || hint.Multiple % multiple != 0 || (hint.Offset - offset) % multiple != 0)
            {
                Note(notes, DraftNoteKind.Check, "preprocess.size", $"{source.Source} names other sizes than those " +
                    $"that run, which were taken");
            }
            else if (hint.Multiple > multiple || hint.Min is not null)
            {
                (multiple, offset, hinted) = (hint.Multiple, hint.Offset, hint.Min ?? 0);
                Note(notes, DraftNoteKind.Taken, "preprocess.size", $"from {source.Source}; the graph takes other " +
                    $"sizes, too");
            }
        }

        int least = trials.FindSmallest(multiple, offset, Math.Max(Runs[0].Input.Width, Runs[0].Input.Height));
        Legal = new SizeManifest { Multiple = multiple, Offset = offset, Min = Math.Max(least, hinted) };
    }

    private static void Note(IList<DraftNote> notes, DraftNoteKind kind, string key, string text) =>
        notes.Add(new DraftNote(kind, key, text));

    private bool TryRules(int side)
    {
        Rules = trials.TryRules(side);
        if (Rules is not [.., { Works: true } first])
        {
            return false;
        }

        // The images of a large step are larger. At their size a less strict rule may work, too: then the graph needs
        // no step, but a least size.
        int tried = Math.Min(first.Tried[0].Width, first.Tried[0].Height);
        if (tried > side * 4 / 3 && trials.TryRules(tried) is [.., { Works: true } second] again
            && second.Multiple < first.Multiple)
        {
            Rules = again;
        }

        _rule = Rules[^1];
        Runs = Wide(_rule);
        return true;
    }

    // Sides that differ much, so that the output of a large stride differs, too; with odd multiples.
    private TrialRun[] Wide(SizeRule rule)
    {
        int tried = Math.Min(rule.Tried[0].Width, rule.Tried[0].Height), least = Math.Max(TypicalSide, tried);
        int more = tried <= 2 * TypicalSide ? least * 11 / 5 : least * 13 / 10;
        int first = ((least + rule.Multiple - 1) / rule.Multiple) | 1;
        int second = Math.Max(first + 2, (more / rule.Multiple) | 1);
        (int low, int high) = ((first * rule.Multiple) + rule.Offset, (second * rule.Multiple) + rule.Offset);
        ImageSize[] sizes = [new(high, low), new(low, high)];
        TrialRun[] runs = [.. sizes.Select(trials.Run).OfType<TrialRun>()];
        return runs.Length == 2 ? runs : [.. rule.Tried.Select(trials.Run).OfType<TrialRun>()];
    }

    private bool Only(ImageSize? size, IList<DraftNote> notes, string? why)
    {
        if (size is not { } only || trials.Run(only) is not { } run)
        {
            return false;
        }

        (_only, Runs) = (only, [run]);
        if (why is not null)
        {
            Note(notes, DraftNoteKind.Assumed, "preprocess.size", $"{only.Height}×{only.Width} alone: {why}");
        }

        return true;
    }

    private static IEnumerable<ImageSize> Hinted(ExporterHints hints)
    {
        IReadOnlyList<int>?[] sizes = [hints.Size?.Value.Fixed, hints.Resize?.Value.Size];
        foreach (IReadOnlyList<int>? sides in sizes)
        {
            if (sides is not null)
            {
                yield return new ImageSize(sides[^1], sides[0]);
            }
        }

        if (hints.TileSize is { } tile)
        {
            yield return new ImageSize(tile.Value, tile.Value);
        }
    }

    // Shapes that feed a Reshape, a Resize or an Expand: [1, 3, 64, 128], [64, 96], [1, 64, 128, 3], or the 1024
    // tokens of a square.
    private IEnumerable<ImageSize> Baked()
    {
        List<ImageSize> direct = [], tokens = [];
        foreach (long[] shape in Shapes())
        {
            for (int i = 0; i + 1 < shape.Length; i++)
            {
                if (IsSide(shape[i]) && IsSide(shape[i + 1]))
                {
                    direct.Add(new ImageSize((int)shape[i + 1], (int)shape[i]));
                }
            }

            tokens.AddRange(shape.Select(length => (int)Math.Sqrt(length))
                .Where(root => root >= LeastBaked && shape.Any(l => l == root * root || l == (root * root) + 1))
                .Select(root => new ImageSize(root, root)));
        }

        ImageSize[] grids = [.. direct.Distinct().OrderByDescending(size => size.Pixels)];
        int[] strides = [16, 14, 8, 4, 32, 2];
        IEnumerable<ImageSize> scaled = tokens.Distinct().Concat(grids)
            .SelectMany(grid => strides.Select(s => new ImageSize(grid.Width * s, grid.Height * s)));
        return grids.Concat(scaled).Where(size => IsSide(size.Width) && IsSide(size.Height)).Distinct();
    }

    private IEnumerable<long[]> Shapes()
    {
        IEnumerable<Tensor> constants = graph.Initializers
            .Concat(graph.Nodes.Where(node => node.OpType == "Constant")
                .Select(node => node.Attribute("value")?.Tensor).OfType<Tensor>());
        return constants
            .Where(tensor => tensor is { Type: ElementType.Int64, IsExternal: false, Dims: [>= 2 and <= 5] })
            .Select(tensor => tensor.ReadInt64s());
    }

    private static bool IsSide(long length) => length is >= LeastBaked and <= MostBaked;

    private IReadOnlyList<int>? FindBorder(OutputAxes axes, ExporterHints hints, IList<DraftNote> notes)
    {
        int? rows = Cut(run => (run.Input.Height, axes.Grid(run).Height));
        int? columns = Cut(run => (run.Input.Width, axes.Grid(run).Width));
        if ((rows is null || columns is null) && StridedCut(axes) is { } cut)
        {
            (rows, columns) = (cut, cut);
        }

        if (rows is null || columns is null || (rows == 0 && columns == 0))
        {
            return null;
        }

        bool isHinted = hints.Border?.Value == rows && rows == columns;
        if (Runs.Count == 1)
        {
            // The one size could as well be a ratio; half the input and more is rarely one.
            ImageSize grid = axes.Grid(Runs[0]);
            bool isLikely = rows == columns && grid.Height * 2 > Runs[0].Input.Height
                && grid.Width * 2 > Runs[0].Input.Width;
            if (!isLikely && !isHinted)
            {
                return null;
            }
        }

        DraftNoteKind kind = Runs.Count == 1 && !isHinted ? DraftNoteKind.Assumed : DraftNoteKind.Taken;
        Note(
            notes, kind, "graph.output_border",
            $"the output lacks {rows} rows and {columns} columns at each side; the input gets a mirrored border");
        return rows == columns ? [rows.Value] : [rows.Value, columns.Value];
    }

    // A difference that is the same at sides that differ.
    private int? Cut(Func<TrialRun, (int Input, int Grid)> side)
    {
        int[] differences = [.. Runs.Select(side).Select(s => s.Input - s.Grid).Distinct()];
        if (differences is [>= 0 and var cut] && cut % 2 == 0)
        {
            return cut / 2;
        }

        return null;
    }

    // Behind a stride, the output grows by whole pixels from a length on that is not 0.
    private int? StridedCut(OutputAxes axes)
    {
        foreach (int side in EvenSides.Where(s => _rule is { Offset: 0 } && s % _rule.Multiple == 0))
        {
            if (Grid(side) is not { } small || Grid(2 * side) is not { } large)
            {
                continue;
            }

            int grown = large.Height - small.Height;
            if (grown > 0 && side % grown == 0)
            {
                int stride = side / grown, lack = side - (small.Height * stride);
                bool isBorder = small.Height == small.Width && lack % 2 == 0 && lack / 2 >= Math.Max(2, stride);
                return isBorder ? lack / 2 : null;
            }
        }

        return null;

        ImageSize? Grid(int side)
        {
            TrialRun? run = trials.Run(new ImageSize(side, side));
            return run is null ? null : axes.Grid(run);
        }
    }

    /// <summary>The step of sides at which the output covers the whole input: layers that round down leave rows and
    /// columns unseen at others.</summary>
    private int WholeStep(OutputAxes axes, int multiple)
    {
        (int top, int left) = (2 * (Border?[0] ?? 0), 2 * (Border?[^1] ?? 0));
        foreach (int side in EvenSides.Where(s => s % multiple == 0))
        {
            if (trials.Run(new ImageSize(side, side)) is not { } even || axes.Grid(even) is var grid
                && ((side - top) % grid.Height != 0 || (side - left) % grid.Width != 0))
            {
                continue;
            }

            (int rows, int columns) = ((side - top) / grid.Height, (side - left) / grid.Width);
            if (Runs.All(Covers))
            {
                return multiple;
            }

            foreach (int step in Steps.Where(s => s % multiple == 0))
            {
                if (trials.Run(new ImageSize(side + step, side + step)) is { } run && Covers(run))
                {
                    return step;
                }
            }

            bool Covers(TrialRun run) => axes.Grid(run).Height * rows >= run.Input.Height - top
                && axes.Grid(run).Width * columns >= run.Input.Width - left;
        }

        return multiple;
    }
}
