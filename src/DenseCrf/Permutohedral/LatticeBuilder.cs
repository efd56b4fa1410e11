using DenseCrf.MeanField;
using DenseCrf.Rows;
using DenseCrf.Threading;

namespace DenseCrf.Permutohedral;

/// <summary>Builds the lattices of all kernels for an image, phase by phase, on all threads.</summary>
internal sealed unsafe class LatticeBuilder(
    CrfTeam team, IReadOnlyList<KernelLattice> lattices, IReadOnlyList<CrfKernel> kernels, LatticeFilter filter, byte* rgb)
{
    /// <summary>Finds simplices, vertices, shared vertices, links and chains.</summary>
    public void Connect()
    {
        team.Run(lattices.Count, (range, kernel) => lattices[kernel].Insert(range, rgb));
        foreach (KernelLattice lattice in lattices)
        {
            lattice.Number();
        }

        team.Run(lattices.Count, (range, kernel) => lattices[kernel].Links.FindShared(range));
        team.Run(lattices.Count, (range, kernel) => lattices[kernel].Links.Link(range));
        team.Run(lattices.Count, (range, kernel) => lattices[kernel].Links.Sort(range));
        int axes = lattices.Sum(lattice => lattice.Corners);
        team.Run((axes + team.Workers - 1) / team.Workers, (worker, item) => Chain((item * team.Workers) + worker));
    }

    /// <summary>Filters ones, and multiplies the weights by the normalisation that follows from the result.</summary>
    public void Normalize()
    {
        foreach (KernelLattice lattice in lattices)
        {
            lattice.EnsureRows(1);
        }

        team.Run(lattices.Count, (range, kernel) => SplatOnes(lattices[kernel].View(range, 1), lattices[kernel].PixelsOf(range)));
        filter.Run(new NarrowRows<Row1>());
        team.Run(lattices.Count, (range, kernel) =>
        {
            if (kernels[kernel].Normalization != CrfNormalization.None)
            {
                lattices[kernel].Normalize(range);
            }
        });
    }

    private static void SplatOnes(in KernelView kernel, long pixels)
    {
        for (long i = 0; i < pixels; i++)
        {
            if (i % PixelRanges.BlockPixels == 0)
            {
                RowMath<Row1>.Clear(kernel, i / PixelRanges.BlockPixels, 1);
            }

            long at = i * kernel.Corners;
            RowMath<Row1>.Splat(kernel.Next, 1, kernel.Ids + at, kernel.PlainWeights + at, kernel.Corners, Row1.Create(1));
        }
    }

    private void Chain(int axis)
    {
        foreach (KernelLattice lattice in lattices)
        {
            if (axis < lattice.Corners)
            {
                lattice.Links.Chain(axis);
                return;
            }

            axis -= lattice.Corners;
        }
    }
}
