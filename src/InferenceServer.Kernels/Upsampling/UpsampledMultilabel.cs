using System.Numerics;
using System.Runtime.CompilerServices;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Kernels.Upsampling;

/// <summary>
/// Finds the classes of every pixel of the image from a smaller grid of scores, for models whose classes may overlap: a
/// class claims a pixel where its probability exceeds its threshold.
/// </summary>
/// <remarks>Bilinear. NaN claims no pixel. Equal to <see cref="UpsampledThreshold"/> of each class.</remarks>
public static class UpsampledMultilabel
{
    /// <summary>The scores above which each class claims a pixel.</summary>
    /// <param name="kind">The probability is the sigmoid of a logit, or the score itself.</param>
    /// <param name="thresholds">The probability of each class, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A threshold is out of range.</exception>
    public static float[] Cuts(ScoreKind kind, ReadOnlySpan<float> thresholds)
    {
        float[] cuts = new float[thresholds.Length];
        for (int c = 0; c < cuts.Length; c++)
        {
            cuts[c] = UpsampledThreshold.Cut(kind, thresholds[c]);
        }

        return cuts;
    }

    /// <summary>Finds the classes that claim each pixel, and the most probable of them.</summary>
    /// <typeparam name="TLabel">A byte, or an unsigned number of 16 bits.</typeparam>
    /// <param name="scores">Scores on the grid, CHW.</param>
    /// <param name="grid">Size of a plane of <paramref name="scores"/>.</param>
    /// <param name="rows">Position on the grid of each image row.</param>
    /// <param name="columns">Position on the grid of each image column.</param>
    /// <param name="kind">The probability is the sigmoid of a logit, or the score itself.</param>
    /// <param name="cuts">The result of <see cref="Cuts"/>: one number for each class.</param>
    /// <param name="none">The label of a pixel that no class claims.</param>
    /// <param name="labels">Receives the most probable of the classes that claim each pixel, HW. On a tie the lower
    /// class wins.</param>
    /// <param name="confidence">
    /// Receives the probability of each label times 255, HW; of a pixel without a class, the probability that the most
    /// probable class is not there. Empty: not computed.
    /// </param>
    /// <param name="claims">Receives 1 where a class claims a pixel and else 0, HW for each class. Empty: not
    /// computed.</param>
    /// <param name="claimStride">Bytes from a pixel of one class to the same pixel of the next class in <paramref
    /// name="claims"/>.</param>
    /// <exception cref="ArgumentException">The lengths, sizes or positions do not fit each other.</exception>
    public static void Compute<TLabel>(
        ReadOnlySpan<float> scores, ImageSize grid, AxisTaps rows, AxisTaps columns, ScoreKind kind, ReadOnlySpan<float> cuts,
        int none, Span<TLabel> labels, Span<byte> confidence, Span<byte> claims, int claimStride)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        if (typeof(TLabel) != typeof(byte) && typeof(TLabel) != typeof(ushort))
        {
            throw new ArgumentException("Expected labels of 8 or 16 bits without a sign.", nameof(labels));
        }

        int width = columns.Count;
        AxisTaps.CheckGrid(scores.Length, cuts.Length, grid, rows, columns, labels.Length, confidence.Length);
        using ExpandedRows expanded = new(scores, grid, cuts.Length, columns);
        for (int y = 0; y < rows.Count; y++)
        {
            Span<byte> rowConfidence = confidence.IsEmpty ? [] : confidence.Slice(y * width, width);
            Span<byte> rowClaims = claims.IsEmpty ? [] : claims.Slice(y * width, ((cuts.Length - 1) * claimStride) + width);
            MultilabelRow row = new(expanded.At(rows, y), kind, cuts, none, rowConfidence, rowClaims, claimStride);
            Span<TLabel> rowLabels = labels.Slice(y * width, width);
            row.Scalar(rowLabels, row.Vectorized(rowLabels));
        }
    }
}

/// <summary>The classes of the pixels of a row.</summary>
internal readonly ref struct MultilabelRow(
    ScoreRows pixels, ScoreKind kind, ReadOnlySpan<float> cuts, int none, Span<byte> confidence, Span<byte> claims, int claimStride)
{
    private readonly ScoreRows _pixels = pixels;
    private readonly ReadOnlySpan<float> _cuts = cuts;
    private readonly Span<byte> _confidence = confidence;
    private readonly Span<byte> _claims = claims;

    /// <summary>Finds the classes of the pixels from <paramref name="start"/> on: the specification of the vector
    /// form.</summary>
    public void Scalar<TLabel>(Span<TLabel> labels, int start)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        for (int x = start; x < labels.Length; x++)
        {
            float best = float.NegativeInfinity, highest = best;
            int winner = none;
            for (int c = 0; c < _cuts.Length; c++)
            {
                float score = _pixels.At((c * _pixels.Stride) + x);
                bool claims = score > _cuts[c];
                if (claims && score > best)
                {
                    (best, winner) = (score, c);
                }

                if (score > highest)
                {
                    highest = score;
                }

                if (!_claims.IsEmpty)
                {
                    _claims[(c * claimStride) + x] = claims ? (byte)1 : (byte)0;
                }
            }

            labels[x] = TLabel.CreateTruncating(winner);
            if (!_confidence.IsEmpty)
            {
                bool found = best > float.NegativeInfinity;
                float probability = kind == ScoreKind.Logits ? Sigmoid.Scalar(highest) : highest;
                float chosen = kind == ScoreKind.Logits ? Sigmoid.Scalar(best) : best;
                _confidence[x] = Bytes.FromProbability(found ? chosen : 1 - probability);
            }
        }
    }

    /// <summary>Like <see cref="ArgMaxRow"/>, the last step overlaps the step before it. Returns the number of pixels
    /// done.</summary>
    public int Vectorized<TLabel>(Span<TLabel> labels)
        where TLabel : unmanaged, IBinaryInteger<TLabel>
    {
        int n = Vector<int>.Count, last = labels.Length - Vector<byte>.Count;
        if (!Vector.IsHardwareAccelerated || last < 0)
        {
            return 0;
        }

        for (int x = 0; ; x = Math.Min(x + Vector<byte>.Count, last))
        {
            Found a = new(none), b = a, c = a, d = a;
            for (int label = 0, index = x; label < _cuts.Length; label++, index += _pixels.Stride)
            {
                Vector<int> claimsA = a.Challenge(_pixels.VectorAt(index), _cuts[label], label);
                Vector<int> claimsB = b.Challenge(_pixels.VectorAt(index + n), _cuts[label], label);
                Vector<int> claimsC = c.Challenge(_pixels.VectorAt(index + (2 * n)), _cuts[label], label);
                Vector<int> claimsD = d.Challenge(_pixels.VectorAt(index + (3 * n)), _cuts[label], label);
                if (!_claims.IsEmpty)
                {
                    Bytes.Narrow(claimsA, claimsB, claimsC, claimsD).CopyTo(_claims[((label * claimStride) + x)..]);
                }
            }

            ArgMaxRow.Store(a.Winner, b.Winner, c.Winner, d.Winner, labels[x..]);
            if (!_confidence.IsEmpty)
            {
                Bytes.Narrow(a.Confidence(kind), b.Confidence(kind), c.Confidence(kind), d.Confidence(kind)).CopyTo(_confidence[x..]);
            }

            if (x == last)
            {
                return labels.Length;
            }
        }
    }

    /// <summary>What is found so far at a vector of pixels.</summary>
    private struct Found(int none)
    {
        private Vector<float> _best = new(float.NegativeInfinity);    // of the classes that claim the pixel
        private Vector<float> _highest = new(float.NegativeInfinity); // of all classes

        public Vector<int> Winner { get; private set; } = new(none);

        /// <summary>Adds a class; gives 1 where it claims the pixel, else 0.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector<int> Challenge(Vector<float> score, float cut, int label)
        {
            Vector<int> claims = Vector.GreaterThan(score, new Vector<float>(cut));
            Vector<int> wins = claims & Vector.GreaterThan(score, _best);
            _best = Vector.ConditionalSelect(wins, score, _best);
            Winner = Vector.ConditionalSelect(wins, new Vector<int>(label), Winner);
            _highest = Vector.ConditionalSelect(Vector.GreaterThan(score, _highest), score, _highest);
            return claims & Vector<int>.One;
        }

        public readonly Vector<int> Confidence(ScoreKind kind)
        {
            Vector<float> chosen = _best, other = _highest;
            Vector<int> found = Vector.GreaterThan(_best, new Vector<float>(float.NegativeInfinity));
            if (kind == ScoreKind.Logits)
            {
                (chosen, other) = (Sigmoid.Compute(chosen), Sigmoid.Compute(other));
            }

            return Bytes.FromProbability(Vector.ConditionalSelect(found, chosen, Vector<float>.One - other));
        }
    }
}
