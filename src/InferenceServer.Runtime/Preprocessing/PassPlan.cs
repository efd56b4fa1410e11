using InferenceServer.Kernels;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Runtime.Preprocessing;

/// <summary>All runs of the network for one result, ordered from the top of the image to the bottom. The plan has
/// sizes only, no pixels.</summary>
/// <remarks>In this order, rows are finished as soon as no later pass adds to them, so only a band of scores is in
/// memory.</remarks>
internal sealed class PassPlan
{
    private IReadOnlyList<Pass>? _passes;

    private PassPlan(ImageSize image, PassSettings settings, IReadOnlyList<PassView> views) =>
        (Image, Settings, Views) = (image, settings, views);

    public ImageSize Image { get; }

    public PassSettings Settings { get; }

    public IReadOnlyList<PassView> Views { get; }

    /// <summary>Number of runs; known before any pass is made, like <see cref="InputPixels"/> and <see
    /// cref="BandRows"/>.</summary>
    public long Runs => Views.Sum(v => v.Tiles) * Mirrors;

    /// <summary>Whether the image runs whole and once, so that no passes are fused.</summary>
    public bool IsOne => Runs == 1;

    /// <summary>Whether the network sees the image in one piece at the manifest's own size; the manifest's limits
    /// bound that size.</summary>
    public bool IsAsManifested => IsOne && Settings is { Mode: InferenceMode.Whole, Scales: [1] };

    /// <summary>The geometry of the image where it runs whole.</summary>
    public InputGeometry Whole => Views[0].Whole;

    /// <summary>Pixels of all inputs.</summary>
    public long InputPixels => Views.Sum(v => v.Tiles * v.Input.Pixels) * Mirrors;

    /// <summary>The sizes of the network's inputs.</summary>
    public IEnumerable<ImageSize> Inputs => Views.Select(v => v.Input);

    /// <summary>The largest number of rows between the first unfinished row and the last row that any earlier pass
    /// adds to.</summary>
    public int BandRows => (int)Views.Max(v => Math.Min(((long)v.StripRows * Image.Height / v.Size.Height) + 2, Image.Height));

    /// <summary>The largest number of rows of the image that one tile sees, and a little more for the filter's
    /// kernel.</summary>
    public int SourceRows => Views.Max(v => (int)Math.Min(((v.StripRows + 8L) * Image.Height / v.Size.Height) + 8, Image.Height));

    /// <summary>The passes, ordered by the first row that they add to; a mirrored pass follows the pass it
    /// mirrors.</summary>
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
            views[i] = new PassView(i, whole, crop, settings, share);
        }

        return new PassPlan(image, settings, views);
    }

    /// <summary>Bytes that the passes need at once, beside the image and its mask.</summary>
    /// <param name="layout">Layout of the network's input.</param>
    /// <param name="classes">Scores of one pixel.</param>
    /// <param name="inFlight">Tiles in flight at once.</param>
    /// <param name="allRows">Whether the scores of all rows are kept to the end.</param>
    public long Bytes(TensorLayout layout, int classes, int inFlight, bool allRows)
    {
        if (IsOne)
        {
            if (allRows)
            {
                return Image.Pixels * classes * sizeof(float);
            }

            return 0; // the kernel computes the best class without a buffer of scores
        }

        long scores = (long)Image.Width * (allRows ? Image.Height : BandRows) * classes * sizeof(float);
        long pixel = 3;
        if (!layout.TakesImages)
        {
            pixel = sizeof(float) * layout.Channels;
        }

        long strips = Views.Sum(v => v.Size == Image ? 0 : pixel * v.Size.Width * v.StripRows);
        // Input and output of a network that returns scores for each of its input's pixels.
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
/// <param name="View">The view that the tile belongs to.</param>
/// <param name="Geometry">The position of the tile in the network's input and in the image.</param>
/// <param name="Mirrored">Whether the input is mirrored with its padding, and the output is mirrored back.</param>
internal sealed record Pass(PassView View, InputGeometry Geometry, bool Mirrored)
{
    /// <summary>The first row of the image that the pass adds to.</summary>
    public int Top => Geometry.Rows.First;

    /// <summary>The row after the last row that the pass adds to.</summary>
    public int Bottom => Geometry.Rows.First + Geometry.Rows.Count;
}
