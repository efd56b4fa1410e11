using System.Numerics;
using System.Runtime.CompilerServices;
using DenseCrf.Permutohedral;

namespace DenseCrf.MeanField;

/// <summary>
/// Turns the caller's planes of probabilities or energies into rows of exponents, a block of pixels at a time.
/// </summary>
/// <param name="call">Has the planes.</param>
/// <param name="shifts">Receives what was subtracted from each pixel's exponents; null if it is not needed.</param>
internal sealed unsafe class UnaryImporter(in CrfCall call, float* shifts)
{
    public const int Block = PixelBlock.Points;

    /// <summary>Lower probabilities count as this one, because 0 would be an infinite energy.</summary>
    private const float MinProbability = 1e-5f;

    private readonly float* _planes = call.Unary;
    private readonly bool _energies = call.HoldsEnergies;
    private readonly int _labels = call.Labels;
    private readonly PixelOrder _order = new(call.Size);
    private readonly long _pixels = call.Size.Pixels;
    private volatile bool _invalid;

    /// <summary>Whether any score read so far is NaN or infinite.</summary>
    public bool Invalid => _invalid;

    /// <summary>
    /// Writes the exponents −U of a block of pixels, less the maximum of each pixel, so that the softmax need not find
    /// it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]   // clearing the block takes 1 KiB of stores for each pixel
    public void Import(long first, int count, float* rows, int lanes)
    {
        float* tile = stackalloc float[Block * CrfInference.MaxLabels], shift = stackalloc float[Block];
        PixelBlock block = _order.Block(first, count);
        new Span<float>(shift, Block).Fill(float.NegativeInfinity);
        for (int label = 0; label < _labels; label++)
        {
            float* exponents = tile + (label * Block);
            Load(label, block, exponents);
            for (int i = 0; i < Block; i += Vector<float>.Count)
            {
                Vector.Store(Vector.Max(Vector.Load(shift + i), Vector.Load(exponents + i)), shift + i);
            }
        }

        for (int i = 0; i < count; i++)
        {
            float* row = rows + (i * lanes);
            for (int label = 0; label < _labels; label++)
            {
                row[label] = tile[(label * Block) + i] - shift[i];
            }

            new Span<float>(row + _labels, lanes - _labels).Fill(PixelBuffers.UnusedLane);
        }

        if (shifts is not null)
        {
            new Span<float>(shift, count).CopyTo(new Span<float>(shifts + first, count));
        }
    }

    /// <summary>Writes the exponents −U of one label for a block of pixels, without subtracting a maximum.</summary>
    public void Load(int label, in PixelBlock block, float* exponents)
    {
        float* plane = _planes + (label * _pixels), source = plane + block.Pixel(0);
        _order.PrefetchBelow(source);
        if (!block.IsRun)
        {
            new Span<float>(exponents, Block).Fill(1);
            for (int i = 0; i < block.Count; i++)
            {
                exponents[i] = plane[block.Pixel(i)];
            }

            source = exponents;
        }

        Vector<int> valid = Vector<int>.AllBitsSet;
        for (int i = 0; i < Block; i += Vector<float>.Count)
        {
            Vector<float> value = Vector.Load(source + i);
            valid &= Vector.LessThanOrEqual(Vector.Abs(value), new Vector<float>(float.MaxValue));
            Vector.Store(Exponent(value), exponents + i);
        }

        if (valid != Vector<int>.AllBitsSet)
        {
            _invalid = true;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector<float> Exponent(Vector<float> score)
    {
        if (_energies)
        {
            return -score;
        }

        return Vector.Log(Vector.Max(score, new Vector<float>(MinProbability)));
    }
}
