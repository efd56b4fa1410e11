using DenseCrf.MeanField;
using DenseCrf.Rows;
using DenseCrf.Threading;

namespace DenseCrf.Permutohedral;

/// <summary>Builds lattices for an image, phase by phase, on all threads.</summary>
internal sealed unsafe class LatticeBuilder(CrfTeam team, KernelLattice[] lattices, byte* rgb)
{
    /// <summary>Finds simplices, vertices, shared vertices, links and chains.</summary>
    public void Connect()
    {
        team.Run(lattices.Length, (range, kernel) => lattices[kernel].Insert(range, rgb));
        foreach (KernelLattice lattice in lattices)
        {
            lattice.Number();
        }

        team.Run(lattices.Length, (range, kernel) => lattices[kernel].Links.Sort(range));
        team.Run(lattices.Length, (range, kernel) => lattices[kernel].Links.FindShared(range));
        int columns = lattices.Sum(lattice => lattice.Grid.Columns);
        team.Run(ItemsPerWorker(columns), (worker, item) => LinkColumn((worker * ItemsPerWorker(columns)) + item));
        int axes = lattices.Length * LatticeGrid.FirstWithinColumn;
        team.Run(ItemsPerWorker(axes), (worker, item) => ListAcross((item * team.Workers) + worker));
    }

    /// <summary>Filters ones, and multiplies the weights by the normalisation that follows from the result.</summary>
    public void Normalize()
    {
        Array.ForEach(lattices, lattice => lattice.EnsureRows(1));
        team.Run(lattices.Length, (range, kernel) => SplatOnes(lattices[kernel].View(range, 1), lattices[kernel].PixelsOf(range)));
        new LatticeFilter(team, lattices).Run(new NarrowRows<Row1>());
        team.Run(lattices.Length, (range, kernel) => lattices[kernel].Normalize(range));
    }

    private static void SplatOnes(in KernelView kernel, long pixels)
    {
        for (long i = 0; i < pixels; i++)
        {
            if (i % PixelRanges.BlockPixels == 0)
            {
                RowMath<Row1>.Clear(kernel, kernel.Next, i / PixelRanges.BlockPixels, 1);
            }

            long at = i * kernel.Corners;
            RowMath<Row1>.Splat(kernel.Next, 1, kernel.Ids + at, kernel.PlainWeights + at, kernel.Corners, Row1.Create(1));
        }
    }

    private int ItemsPerWorker(int items) => (items + team.Workers - 1) / team.Workers;

    /// <summary>Links one of the columns of all lattices.</summary>
    private void LinkColumn(int column)
    {
        foreach (KernelLattice lattice in lattices)
        {
            if (column < lattice.Grid.Columns)
            {
                lattice.Links.LinkColumn(column);
                return;
            }

            column -= lattice.Grid.Columns;
        }
    }

    /// <summary>Lists the chains of one of the first two axes of all lattices.</summary>
    private void ListAcross(int axis)
    {
        (int kernel, int own) = Math.DivRem(axis, LatticeGrid.FirstWithinColumn);
        if (kernel < lattices.Length)
        {
            lattices[kernel].Links.ListAcross(own);
        }
    }
}
