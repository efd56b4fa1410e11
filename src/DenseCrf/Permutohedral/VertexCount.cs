using System.Numerics;
using System.Runtime.CompilerServices;
using DenseCrf.Buffers;

namespace DenseCrf.Permutohedral;

/// <summary>Counts the vertices of a lattice without building it.</summary>
/// <remarks>
/// Each vertex sets the bit of a table that its key hashes to. Two vertices may share a bit, so that the count is never too
/// high, and with this table about 3 % too low.
/// </remarks>
internal sealed unsafe class VertexCount(CrfWorkspace owner) : IDisposable
{
    private const int BitsPerVertex = 16;

    private const int MaxCorners = 6;

    /// <summary>Pixels between two looks at the token and at the limit.</summary>
    private const int Step = 1 << 16;

    private const ulong Multiplier = 0x9E3779B97F4A7C15;   // 2⁶⁴ divided by the golden ratio

    private readonly PixelFeatures _features = new(owner);
    private readonly NativeBuffer<ulong> _bits = new(owner);

    /// <summary>A number of vertices that the lattice of a kernel has at least.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="size">Size of the image.</param>
    /// <param name="rgb">The image, HWC.</param>
    /// <param name="enough">Counting ends soon after this number.</param>
    /// <param name="cancellationToken">Ends the count.</param>
    public long AtLeast(CrfKernel kernel, ImageSize size, byte* rgb, long enough, CancellationToken cancellationToken)
    {
        FeatureScale[] scales = FeatureScale.Of(kernel, size);
        _features.Tabulate(scales, size);
        long most = Math.Min(enough, size.Pixels * (kernel.Dimensions + 1));
        int hashBits = BitOperations.Log2((ulong)most * BitsPerVertex) + 1;
        long words = (1L << hashBits) / 64;
        new Span<ulong>(_bits.Ensure(words + 1), checked((int)words + 1)).Clear();
        KeyWriter writer = new KeyLayout(scales).Writer;
        long count = 0;
        for (long first = 0; first < size.Pixels && count <= enough; first += Step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            count += Add(writer, new PixelOrder(size), (first, Math.Min(first + Step, size.Pixels)), rgb, 64 - hashBits);
        }

        return count;
    }

    public void Dispose()
    {
        _features.Dispose();
        _bits.Dispose();
    }

    /// <summary>Sets the bits of the vertices of some pixels.</summary>
    /// <returns>Number of bits that were not set.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private long Add(in KeyWriter writer, in PixelOrder order, (long First, long End) pixels, byte* rgb, int shift)
    {
        int corners = writer.Dimensions + 1;
        long* keys = stackalloc long[MaxCorners];
        ulong* bits = _bits.Pointer;
        SimplexBlock simplex = default;
        long added = 0;
        for (long first = pixels.First; first < pixels.End; first += SimplexBlock.Points)
        {
            int count = (int)Math.Min(SimplexBlock.Points, pixels.End - first);
            _features.Set(ref simplex, order.Block(first, count), rgb);
            simplex.Compute(corners - 1);
            for (int point = 0; point < count; point++)
            {
                writer.Write(in simplex, point, keys);
                for (int k = 0; k < corners; k++)
                {
                    ulong hash = ((ulong)keys[k] * Multiplier) >> shift;
                    ulong word = bits[hash >> 6], bit = 1UL << (int)(hash & 63);
                    added += Convert.ToInt32((word & bit) == 0);
                    bits[hash >> 6] = word | bit;
                }
            }
        }

        return added;
    }
}
