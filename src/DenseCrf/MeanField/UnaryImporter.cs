using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
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

        for (int label = 0; label < _labels; label++)
        {
            float* exponents = tile + (label * Block);
            for (int i = 0; i < Block; i += Vector<float>.Count)
            {
                Vector.Store(Vector.Load(exponents + i) - Vector.Load(shift + i), exponents + i);
            }
        }

        new Span<float>(tile + (_labels * Block), (lanes - _labels) * Block).Fill(PixelBuffers.UnusedLane);
        for (int lane = 0; lane < lanes; lane += 4)
        {
            float* exponents = tile + (lane * Block), row = rows + lane;
            for (int i = 0; i < count; i += 4, exponents += 4, row += 4 * lanes)
            {
                FourByFour.Transpose(exponents, Block, row, lanes, Math.Min(4, count - i));
            }
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

/// <summary>Turns the planes of a block of pixels into rows, and rows into planes, four by four values at a time.</summary>
internal static unsafe class FourByFour
{
    /// <summary>Copies value j of row i of the source to value i of row j of the target, for i and j from 0 to 3.</summary>
    /// <param name="source">Four rows.</param>
    /// <param name="sourceStride">Values from one row of the source to the next.</param>
    /// <param name="target">Receives the rows.</param>
    /// <param name="targetStride">Values from one row of the target to the next.</param>
    /// <param name="rows">How many of the target's rows are written.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(float* source, int sourceStride, float* target, int targetStride, int rows = 4)
    {
        if (rows < 4 || !Sse.IsSupported)
        {
            for (int at = 0; at < 4 * rows; at++)
            {
                target[(at / 4 * targetStride) + (at % 4)] = source[(at % 4 * sourceStride) + (at / 4)];
            }

            return;
        }

        Vector128<float> a = Vector128.Load(source), b = Vector128.Load(source + sourceStride);
        Vector128<float> c = Vector128.Load(source + (2 * sourceStride)), d = Vector128.Load(source + (3 * sourceStride));
        Vector128<float> abLow = Sse.UnpackLow(a, b), cdLow = Sse.UnpackLow(c, d);
        Vector128<float> abHigh = Sse.UnpackHigh(a, b), cdHigh = Sse.UnpackHigh(c, d);
        Sse.MoveLowToHigh(abLow, cdLow).Store(target);
        Sse.MoveHighToLow(cdLow, abLow).Store(target + targetStride);
        Sse.MoveLowToHigh(abHigh, cdHigh).Store(target + (2 * targetStride));
        Sse.MoveHighToLow(cdHigh, abHigh).Store(target + (3 * targetStride));
    }
}
