using InferenceServer.Kernels;
using InferenceServer.Kernels.Fusion;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Postprocessing;

/// <summary>Fuses several passes into one label map: scores add up at the image's resolution, and rows become labels
/// as soon as no later pass adds to them.</summary>
/// <remarks>Only a band of rows is in memory, unless probabilities are requested. Not thread-safe.</remarks>
internal sealed class FusedPasses : IDisposable
{
    private readonly Postprocessor _postprocessor;
    private readonly PassPlan _plan;
    private readonly FusionRule _rule;
    private readonly int _channels;
    private readonly PooledBuffer<float>? _band;
    private readonly AxisTaps _columns;
    private readonly AxisTaps _row = Identity(1);
    private Mask? _map;
    private int _begun;
    private int _finished;

    /// <param name="postprocessor">The model's postprocessor.</param>
    /// <param name="plan">The passes.</param>
    /// <param name="rule">How the passes are fused.</param>
    /// <param name="channels">Scores of a pixel: one for each class, or a single score.</param>
    /// <param name="withConfidence">Whether the mask has the probability of each pixel's class.</param>
    /// <param name="withProbabilities">Whether the mask has the probability of every class.</param>
    /// <param name="withClaims">Whether the mask has the pixels of each class.</param>
    public FusedPasses(
        Postprocessor postprocessor, PassPlan plan, FusionRule rule, int channels, bool withConfidence,
        bool withProbabilities, bool withClaims)
    {
        (_postprocessor, _plan, _rule, _channels) = (postprocessor, plan, rule, channels);
        _columns = Identity(plan.Image.Width);
        _band = withProbabilities ? null : new PooledBuffer<float>(checked(plan.Image.Width * channels * plan.BandRows));
        _map = new Mask(
            plan.Image, withConfidence,
            withProbabilities
                ? new PooledBuffer<float>(checked((int)plan.Image.Pixels * postprocessor.Classes))
                : null,
            postprocessor.Classes, withClaims);
    }

    private Mask Map => _map ?? throw new ObjectDisposedException(nameof(FusedPasses));

    /// <summary>Adds one pass; passes are added in the plan's order.</summary>
    /// <param name="pass">The pass.</param>
    /// <param name="output">The network's output; the caller still disposes it.</param>
    public void Add(Pass pass, ModelOutput output)
    {
        InputGeometry geometry = pass.Geometry;
        ImageSize grid = new(output.Width, output.Height);
        (AxisTaps rows, AxisTaps columns) = _postprocessor.Taps(grid, geometry);
        ScoreCanvas canvas = Canvas();
        if (pass.Bottom > _begun)
        {
            canvas.Clear(_begun, pass.Bottom, _rule.Fusion);
            _begun = pass.Bottom;
        }

        using PooledBuffer<float>? mirrored = pass.Mirrored ? Mirror(output) : null;
        using PooledBuffer<float> rowWeights = pass.View.Rows.Weights(geometry.Rows);
        using PooledBuffer<float> columnWeights = pass.View.Columns.Weights(geometry.Columns);
        FusedScores.Add(
            mirrored is null
                ? output.Scores()
                : mirrored.Span, grid, rows, columns, _rule.Fusion, rowWeights.Span, columnWeights.Span, canvas,
                geometry.Columns.First, geometry.Rows.First);
    }

    /// <summary>Labels the rows before <paramref name="end"/>; no later pass adds to these rows.</summary>
    public void Finish(int end)
    {
        if (_band is null)
        {
            return;
        }

        int width = _plan.Image.Width;
        ScoreCanvas canvas = Canvas();
        for (; _finished < end; _finished++)
        {
            ReadOnlySpan<float> scores = canvas.Values.Slice(canvas.Start(_finished), _channels * width);
            _postprocessor.Label(scores, _channels, new ImageSize(width, 1), _row, _columns, _rule.Kind, Map, _finished);
        }
    }

    /// <summary>The mask, after all passes were added; the caller disposes it.</summary>
    public Mask Take()
    {
        Finish(_plan.Image.Height);
        if (_band is null)
        {
            _postprocessor.Label(Planes(), _channels, _plan.Image, Identity(_plan.Image.Height), _columns, _rule.Kind, Map);
            _postprocessor.Complete(Map.Probabilities.Span, _channels, _rule.Kind);
        }

        Mask map = Map;
        _map = null;
        return map;
    }

    public void Dispose()
    {
        _band?.Dispose();
        _map?.Dispose();
    }

    private static AxisTaps Identity(int length) => AxisTaps.Create(length, length, length, 0, length, alignCorners: false);

    private static PooledBuffer<float> Mirror(ModelOutput output)
    {
        ReadOnlySpan<float> scores = output.Scores();
        PooledBuffer<float> mirrored = new(scores.Length);
        scores.CopyTo(mirrored.Span);
        MirroredRows.Apply(mirrored.Span, output.Width);
        return mirrored;
    }

    private ScoreCanvas Canvas()
    {
        if (_band is null)
        {
            return ScoreCanvas.Planes(Planes(), _channels, _plan.Image);
        }

        return ScoreCanvas.Band(_band.Span, _channels, _plan.Image.Width, _plan.BandRows);
    }

    // A single score belongs to the second of two classes.
    private Span<float> Planes() => Map.Probabilities.Span[^(_channels * (int)_plan.Image.Pixels)..];
}

/// <summary>The kernels' parameters of a fusion mode.</summary>
/// <param name="Fusion">How a pass is added to the others.</param>
/// <param name="Kind">The kind of the fused scores.</param>
internal readonly record struct FusionRule(ScoreFusion Fusion, ScoreKind Kind)
{
    /// <param name="fuse">The fusion mode.</param>
    /// <param name="output">The kind of the graph's output.</param>
    /// <param name="channels">Number of scores of a pixel.</param>
    public static FusionRule Create(FuseMode fuse, OutputKind output, int channels) => fuse switch
    {
        FuseMode.MaxLogits => new(ScoreFusion.Max, ScoreKind.Logits),
        FuseMode.SumLogits => new(ScoreFusion.Add, ScoreKind.Logits),
        _ when output.IsProbability() => new(ScoreFusion.Add, ScoreKind.Probabilities),
        _ when channels == 1 || output.IsMultilabel() => new(ScoreFusion.AddSigmoid, ScoreKind.Probabilities),
        _ => new(ScoreFusion.AddSoftmax, ScoreKind.Probabilities),
    };
}
