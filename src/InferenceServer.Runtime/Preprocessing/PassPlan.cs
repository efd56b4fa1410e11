using InferenceServer.Kernels;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>All runs of the network that make one result, from the image's top to its bottom. Sizes only, no
/// pixels.</summary>
/// <remarks>The order lets rows be finished as soon as no later pass adds to them, so that only a band of scores is
/// held.</remarks>
internal sealed class PassPlan
{
    private IReadOnlyList<Pass>? _passes;

    private PassPlan(ImageSize image, PassSettings settings, IReadOnlyList<PassView> views) =>
        (Image, Settings, Views) = (image, settings, views);

    public ImageSize Image { get; }

    public PassSettings Settings { get; }

    public IReadOnlyList<PassView> Views { get; }

    /// <summary>Number of runs; known before any pass is made, as are <see cref="InputPixels"/> and
    /// <see cref="BandRows"/>.</summary>
    public long Runs => Views.Sum(v => v.Tiles) * Mirrors;

    /// <summary>Whether the image runs whole and once, so that nothing needs to be fused.</summary>
    public bool IsOne => Runs == 1;

    /// <summary>Whether the network sees the image in one piece at the manifest's own size, which the manifest's limits
    /// bound.</summary>
    public bool IsAsManifested => IsOne && Settings is { Mode: InferenceMode.Whole, Scales: [1] };

    /// <summary>How the image lies in the network's input where it runs whole.</summary>
    public InputGeometry Whole => Views[0].Whole;

    /// <summary>Pixels of all inputs.</summary>
    public long InputPixels => Views.Sum(v => v.Tiles * v.Input.Pixels) * Mirrors;

    /// <summary>The sizes that the network meets.</summary>
    public IEnumerable<ImageSize> Inputs => Views.Select(v => v.Input);

    /// <summary>Rows of the image between the first that is unfinished and the last that any pass so far adds to, at
    /// most.</summary>
    public int BandRows => (int)Views.Max(v => Math.Min(((long)v.StripRows * Image.Height / v.Size.Height) + 2, Image.Height));

    /// <summary>The passes, by the first row that they add to; a mirrored one follows its twin.</summary>
    public IReadOnlyList<Pass> Passes => _passes ??= Order();

    private int Mirrors
    {
        get
        {
            if (Settings.Flip)
            {
                return 2;
            }

            return 1;
        }
    }

    /// <summary>Plans the passes for an image.</summary>
    public static PassPlan Create(ImageSize image, InputSizing sizing, PassSettings settings)
    {
        double share = 1.0 / (settings.Scales.Count * (settings.Flip ? 2 : 1));
        PassView[] views = new PassView[settings.Scales.Count];
        for (int i = 0; i < views.Length; i++)
        {
            InputGeometry whole = sizing.Plan(image, settings.Scales[i], settings);
            ImageSize crop = settings.Mode == InferenceMode.Slide ? sizing.Legal(settings.Crop) : whole.Resized;
            views[i] = new PassView(i, whole, crop, settings.StrideRate, share);
        }

        return new PassPlan(image, settings, views);
    }

    /// <summary>Bytes that the passes hold at once, beside the image and its mask.</summary>
    /// <param name="layout">Of the network's input.</param>
    /// <param name="classes">Scores of a pixel.</param>
    /// <param name="inFlight">Tiles under way at once.</param>
    /// <param name="allRows">Whether the scores of all rows are kept to the end.</param>
    public long Bytes(TensorLayout layout, int classes, int inFlight, bool allRows)
    {
        if (IsOne)
        {
            if (allRows)
            {
                return Image.Pixels * classes * sizeof(float);
            }

            return 0; // the kernel takes the best class without them
        }

        long scores = (long)Image.Width * (allRows ? Image.Height : BandRows) * classes * sizeof(float);
        long strips = Views.Sum(v => v.Size == Image ? 0 : 3L * v.Size.Width * v.StripRows);
        // Input and output, of a network that gives a score for each of its pixels.
        long tile = Views.Max(v => layout.Bytes(v.Input) + (v.Input.Pixels * classes * sizeof(float)));
        return scores + strips + (tile * Math.Min(inFlight, Runs));
    }

    private IReadOnlyList<Pass> Order() =>
    [
        .. (from view in Views
            from rows in view.Rows.Tiles
            from columns in view.Columns.Tiles
            select (View: view, Geometry: view.Tile(columns, rows)))
        .OrderBy(tile => tile.Geometry.Rows.First)
        .SelectMany(tile => Enumerable.Range(0, Mirrors), (tile, mirror) => new Pass(tile.View, tile.Geometry, mirror == 1)),
    ];
}

/// <summary>One run of the network on one tile of one view.</summary>
/// <param name="View">The view.</param>
/// <param name="Geometry">How the tile lies in the network's input, and where in the image.</param>
/// <param name="Mirrored">Whether the input is mirrored, padding and all, and the output mirrored back.</param>
internal sealed record Pass(PassView View, InputGeometry Geometry, bool Mirrored)
{
    /// <summary>The first row of the image that it adds to.</summary>
    public int Top => Geometry.Rows.First;

    /// <summary>The row after the last.</summary>
    public int Bottom => Geometry.Rows.First + Geometry.Rows.Count;
}
