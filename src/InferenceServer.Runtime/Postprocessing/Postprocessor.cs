using System.Numerics;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Postprocessing;

/// <summary>Makes the class of every pixel of the image from the network's output: removes the padding, resizes
/// bilinearly, takes the argmax.</summary>
internal sealed class Postprocessor
{
    private readonly OutputKind _kind;
    private readonly bool _alignCorners;
    private readonly ushort _ignore;
    private readonly float[] _thresholds;
    private readonly Dictionary<ScoreKind, float[]> _cuts = [];
    private readonly int _none;
    private readonly OutputGrid _grid;
    private readonly double? _scale;

    internal Postprocessor(ModelManifest manifest, OutputKind kind, OutputGrid grid)
    {
        _kind = kind;
        _grid = grid;
        _alignCorners = manifest.Postprocess.AlignCorners;
        ClassTable classes = ClassTable.Create(manifest);
        Classes = classes.Names.Count;
        _ignore = (ushort)classes.Ignore;
        _none = classes.NoClass;
        _thresholds = [.. manifest.Postprocess.Threshold ?? [0.5f]];
        if (IsMultilabel)
        {
            float[] all = _thresholds.Length == Classes ? _thresholds : [.. Enumerable.Repeat(_thresholds[0], Classes)];
            _cuts[ScoreKind.Logits] = UpsampledMultilabel.Cuts(ScoreKind.Logits, all);
            _cuts[ScoreKind.Probabilities] = UpsampledMultilabel.Cuts(ScoreKind.Probabilities, all);
        }

        if (manifest.Graph.OutputStride is not null || manifest.Graph.OutputScale is not null)
        {
            _scale = (manifest.Graph.OutputScale ?? 1) / (manifest.Graph.OutputStride ?? 1);
        }
    }

    /// <summary>Planes of <see cref="Probabilities"/>: one for each class.</summary>
    public int Classes { get; }

    /// <summary>Whether the graph returns scores, which a confidence and a CRF need; graphs that end in labels have no
    /// scores.</summary>
    public bool HasScores => _kind != OutputKind.Labels;

    /// <summary>Whether a pixel may have several classes or none.</summary>
    public bool IsMultilabel => _kind.IsMultilabel();

    /// <summary>Bits of a label: 8 for up to 256 classes, else 16.</summary>
    public int LabelBits
    {
        get
        {
            if (Classes > ArgMax.MaxClasses)
            {
                return 16;
            }

            return 8;
        }
    }

    private ScoreKind ScoreKind
    {
        get
        {
            if (_kind.IsProbability())
            {
                return ScoreKind.Probabilities;
            }

            return ScoreKind.Logits;
        }
    }

    /// <summary>The most bytes of the network's output for one input of this size; known before the run.</summary>
    /// <param name="input">Height and width of the input.</param>
    /// <param name="elements">The most elements of the output.</param>
    internal long OutputBytes(ImageSize input, out long elements) => _grid.Bytes(input, Channels, _kind, out elements);

    /// <summary>Bytes of the output for one pixel of the input, about.</summary>
    internal double BytesOfPixel => Channels * _grid.Rows.Scale * _grid.Columns.Scale * sizeof(float);

    /// <summary>Whether the labels on the network's grid are those of the image: each pixel has a grid point, so that no scores are
    /// interpolated.</summary>
    internal bool LabelsSuffice(in InputGeometry geometry) =>
        _grid.IsInput && !IsMultilabel && geometry.Image == geometry.Resized;

    /// <summary>Computes labels, and on request the confidence of each label.</summary>
    /// <param name="output">The output of one image; in place of scores it may hold labels, where they suffice.</param>
    /// <param name="geometry">The position of the image in the input.</param>
    /// <param name="withConfidence">Whether to compute confidences; only where <see cref="HasScores"/>.</param>
    /// <param name="withProbabilities">Whether to keep <see cref="Probabilities"/>; only where <see
    /// cref="HasScores"/>.</param>
    /// <param name="withClaims">Whether to keep the pixels of each class, where <see cref="IsMultilabel"/>.</param>
    /// <returns>The mask at the image's size; the caller disposes it.</returns>
    public Mask Compute(
        ModelOutput output, in InputGeometry geometry, bool withConfidence, bool withProbabilities = false,
        bool withClaims = false)
    {
        ImageSize grid = new(output.Width, output.Height);
        (AxisTaps rows, AxisTaps columns) = Taps(grid, geometry);
        using Owned<Mask> mask = new(new Mask(
            geometry.Image, withConfidence, withProbabilities ? Probabilities(output, geometry) : null, Classes,
            withClaims && IsMultilabel));
        if (_kind == OutputKind.Labels || !output.HasScores)
        {
            Resize(output, grid, rows, columns, mask.Value);
        }
        else
        {
            Label(output.Scores(), output.Channels, grid, rows, columns, ScoreKind, mask.Value);
        }

        return mask.Release();
    }

    /// <summary>Computes the probability of every class at every pixel, the input of a CRF.</summary>
    /// <param name="output">The output of one image; not of a graph that ends in labels.</param>
    /// <param name="geometry">The position of the image in the input.</param>
    /// <returns>CHW at the image's size; the caller disposes the buffer.</returns>
    public PooledBuffer<float> Probabilities(ModelOutput output, in InputGeometry geometry)
    {
        ImageSize grid = new(output.Width, output.Height);
        int pixels = checked((int)geometry.Image.Pixels);
        PooledBuffer<float> probabilities = new(checked(Classes * pixels));
        (AxisTaps rows, AxisTaps columns) = Taps(grid, geometry);
        // A single score belongs to the second of two classes: the last plane.
        UpsampledScores.Compute(output.Scores(), output.Channels, grid, rows, columns, probabilities.Span[^(output.Channels * pixels)..]);
        Complete(probabilities.Span, output.Channels, ScoreKind);
        return probabilities;
    }

    /// <summary>Turns the scores of every pixel into probabilities, in place.</summary>
    /// <param name="scores">CHW.</param>
    /// <param name="channels">1 where only the last plane of two holds scores.</param>
    /// <param name="kind">The kind of the scores.</param>
    internal void Complete(Span<float> scores, int channels, ScoreKind kind)
    {
        if (IsMultilabel)
        {
            if (kind == ScoreKind.Logits)
            {
                Sigmoid.Compute(scores);
            }

            return;
        }

        Span<float> other = scores[..(scores.Length / Classes)], found = scores[^other.Length..];
        if (kind == ScoreKind.Logits)
        {
            if (channels == 1)
            {
                other.Clear(); // sigmoid(x) is the softmax of 0 and x
            }

            Softmax.Compute(scores, Classes);
        }
        else if (channels == 1)
        {
            for (int i = 0; i < other.Length; i++)
            {
                other[i] = 1 - found[i];
            }
        }
    }

    /// <summary>Creates the fusion of several passes.</summary>
    /// <param name="plan">The passes.</param>
    /// <param name="first">The first pass's output.</param>
    /// <param name="withConfidence">Whether the mask has the probability of each pixel's class.</param>
    /// <param name="withProbabilities">Whether the mask has the probability of every class.</param>
    /// <param name="withClaims">Whether to keep the pixels of each class, where <see cref="IsMultilabel"/>.</param>
    /// <returns>The fusion; the caller adds the passes and disposes it.</returns>
    internal FusedPasses Fuse(
        PassPlan plan, ModelOutput first, bool withConfidence, bool withProbabilities, bool withClaims = false) =>
        new(
            this, plan, FusionRule.Create(plan.Settings.Fuse, _kind, first.Channels), first.Channels, withConfidence,
            withProbabilities, withClaims && IsMultilabel);

    /// <summary>The positions in the output of the pixels that the pass sets.</summary>
    internal (AxisTaps Rows, AxisTaps Columns) Taps(ImageSize grid, in InputGeometry geometry) => (
        AxisTaps.Create(
            geometry.Image.Height, geometry.Resized.Height, geometry.Rows, geometry.Bucket.Height, geometry.Top,
            grid.Height, _alignCorners, Covered(geometry.Input.Height, geometry.Bucket.Height, grid.Height)),
        AxisTaps.Create(
            geometry.Image.Width, geometry.Resized.Width, geometry.Columns, geometry.Bucket.Width, geometry.Left,
            grid.Width, _alignCorners, Covered(geometry.Input.Width, geometry.Bucket.Width, grid.Width)));

    // The rows or columns of the output that the bucket's padding does not set.
    private int Covered(int input, int bucket, int grid)
    {
        if (input == bucket)
        {
            return grid;
        }

        return Math.Min((int)Math.Ceiling(input * (_scale ?? OutputGrid.Ratio(bucket, grid))), grid);
    }

    /// <summary>Labels rows of the image from their scores. Pixels that a NaN touches have no class.</summary>
    /// <param name="scores">Scores on the grid, CHW.</param>
    /// <param name="channels">Number of planes.</param>
    /// <param name="grid">Size of a plane.</param>
    /// <param name="rows">Position on the grid of each of the rows.</param>
    /// <param name="columns">Position on the grid of each column.</param>
    /// <param name="kind">The kind of the scores.</param>
    /// <param name="mask">Receives labels, and the confidences if it has any.</param>
    /// <param name="top">The first of the rows in the mask.</param>
    internal void Label(
        ReadOnlySpan<float> scores, int channels, ImageSize grid, AxisTaps rows, AxisTaps columns, ScoreKind kind,
        Mask mask, int top = 0)
    {
        int start = top * columns.Count, pixels = rows.Count * columns.Count;
        Span<byte> confidence = mask.Confidence.IsEmpty ? [] : mask.Confidence.Span.Slice(start, pixels);
        if (IsMultilabel)
        {
            LabelClaims(scores, grid, rows, columns, kind, mask, confidence, start);
        }
        else if (!mask.WideLabels.IsEmpty)
        {
            Span<ushort> labels = mask.WideLabels.Span.Slice(start, pixels);
            UpsampledArgMax.Compute(scores, channels, grid, rows, columns, kind, labels, confidence);
        }
        else if (channels == 1)
        {
            Span<byte> labels = mask.Labels.Span.Slice(start, pixels);
            UpsampledThreshold.Compute(scores, grid, rows, columns, kind, _thresholds[0], labels, confidence);
        }
        else
        {
            Span<byte> labels = mask.Labels.Span.Slice(start, pixels);
            UpsampledArgMax.Compute(scores, channels, grid, rows, columns, kind, labels, confidence);
        }

        if (HasNaN(scores))
        {
            mask.Cover(Undefined(scores, channels, grid, rows, columns), _ignore, start);
        }
    }

    /// <summary>1 for each pixel whose scores are interpolated from a NaN.</summary>
    private static byte[] Undefined(ReadOnlySpan<float> scores, int channels, ImageSize grid, AxisTaps rows, AxisTaps columns)
    {
        float[] points = new float[grid.Pixels], pixels = new float[rows.Count * columns.Count];
        for (int i = 0; i < scores.Length; i++)
        {
            if (float.IsNaN(scores[i]))
            {
                points[i % points.Length] = 1;
            }
        }

        UpsampledScores.Compute(points, 1, grid, rows, columns, pixels);
        return Array.ConvertAll(pixels, share => share > 0 ? (byte)1 : (byte)0);
    }

    private static bool HasNaN(ReadOnlySpan<float> scores)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        foreach (Vector<float> vector in vectors)
        {
            if (!Vector.EqualsAll(vector, vector))
            {
                return true;
            }
        }

        foreach (float score in scores[(vectors.Length * Vector<float>.Count)..])
        {
            if (float.IsNaN(score))
            {
                return true;
            }
        }

        return false;
    }

    private int Channels
    {
        get
        {
            if (_kind is OutputKind.Labels or OutputKind.BinaryLogit or OutputKind.BinaryProbability or OutputKind.BinaryMask)
            {
                return 1;
            }

            return Classes;
        }
    }

    private void LabelClaims(
        ReadOnlySpan<float> scores, ImageSize grid, AxisTaps rows, AxisTaps columns, ScoreKind kind, Mask mask,
        Span<byte> confidence, int start)
    {
        int pixels = rows.Count * columns.Count, all = (int)mask.Size.Pixels;
        Span<byte> claims = mask.Claims.IsEmpty ? [] : mask.Claims.Span[start..];
        float[] cuts = _cuts[kind];
        if (mask.WideLabels.IsEmpty)
        {
            Span<byte> labels = mask.Labels.Span.Slice(start, pixels);
            UpsampledMultilabel.Compute(scores, grid, rows, columns, kind, cuts, _none, labels, confidence, claims, all);
            ClaimRest(labels, claims, all);
        }
        else
        {
            Span<ushort> labels = mask.WideLabels.Span.Slice(start, pixels);
            UpsampledMultilabel.Compute(scores, grid, rows, columns, kind, cuts, _none, labels, confidence, claims, all);
            ClaimRest(labels, claims, all);
        }
    }

    // A class that takes the pixels which no class claims has the label of these pixels, too.
    private void ClaimRest<TLabel>(ReadOnlySpan<TLabel> labels, Span<byte> claims, int plane)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        if (claims.IsEmpty || _none >= Classes)
        {
            return;
        }

        Span<byte> ofNone = claims.Slice(_none * plane, labels.Length);
        TLabel none = TLabel.CreateTruncating(_none);
        for (int i = 0; i < labels.Length; i++)
        {
            if (labels[i] == none)
            {
                ofNone[i] = 1;
            }
        }
    }

    private void Resize(ModelOutput output, ImageSize grid, AxisTaps rows, AxisTaps columns, Mask mask)
    {
        if (mask.WideLabels.IsEmpty)
        {
            using PooledBuffer<byte> small = new(checked((int)grid.Pixels));
            output.CopyLabels(small.Span, (byte)_ignore);
            NearestLabels.Resize(small.Span, grid, rows, columns, mask.Labels.Span);
            return;
        }

        using PooledBuffer<ushort> wide = new(checked((int)grid.Pixels));
        output.CopyLabels(wide.Span, _ignore);
        NearestLabels.Resize(wide.Span, grid, rows, columns, mask.WideLabels.Span);
    }
}
