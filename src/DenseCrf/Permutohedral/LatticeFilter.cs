using DenseCrf.MeanField;
using DenseCrf.Threading;

namespace DenseCrf.Permutohedral;

/// <summary>Turns the rows that ranges have splatted into rows to slice from, in all lattices at once.</summary>
internal sealed unsafe class LatticeFilter
{
    /// <summary>Parts of a lane's share of an axis: a thread that is done early takes some of another's.</summary>
    private const int Parts = 4;

    private readonly CrfTeam _team;
    private readonly IReadOnlyList<KernelLattice> _lattices;
    private readonly Action<int, int> _merge, _blur, _blurColumn, _copy;
    private readonly int _columns;
    private RowOperations _rows = null!;
    private int _axis;
    private int _range;

    public LatticeFilter(CrfTeam team, IReadOnlyList<KernelLattice> lattices)
    {
        // The delegates are made once: an iteration allocates nothing.
        (_team, _lattices, _merge, _blur, _blurColumn, _copy) = (team, lattices, Merge, Blur, BlurColumn, Copy);
        _columns = (lattices.Max(lattice => lattice.Layout.Columns.Count) + team.Workers - 1) / team.Workers;
    }

    /// <summary>Adds up shared, blurs along the axes in their order, and gives each duplicate the result.</summary>
    public void Run(RowOperations rows)
    {
        _rows = rows;
        for (int k = 0; k < _lattices.Count; k++)
        {
            _lattices[k].Flip();
        }

        // Slab by range, because one row may have a duplicate in several.
        for (_range = 1; _range < _team.Workers; _range++)
        {
            _team.Run(1, _merge);
        }

        for (_axis = 0; _axis < LatticeCells.FirstWithinColumn; _axis++)
        {
            _team.Run(Parts, _blur);
        }

        // The other axes column by column, each on one thread, while its rows are in the cache; and where three are left, cell by cell.
        _team.Run(_columns, _blurColumn);

        if (_team.Workers > 1)
        {
            _team.Run(1, _copy);
        }
    }

    private void Merge(int worker, int item)
    {
        for (int k = 0; k < _lattices.Count; k++)
        {
            _rows.Merge(_lattices[k].Rows, _lattices[k].Links.SharedOf(_range).Part(worker, _team.Workers));
        }
    }

    private void Blur(int worker, int item)
    {
        for (int k = 0; k < _lattices.Count; k++)
        {
            ReadOnlySpan<int> chains = _lattices[k].Links.Chains(_axis).Part((worker * Parts) + item, _team.Workers * Parts);
            _rows.Blur(_lattices[k].Rows, chains);
        }
    }

    private void BlurColumn(int worker, int item)
    {
        int column = (worker * _columns) + item;
        for (int k = 0; k < _lattices.Count; k++)
        {
            KernelLattice lattice = _lattices[k];
            int cells = lattice.Links.CellsPerColumn, first = column * cells;
            if (column >= lattice.Links.Columns)
            {
                continue;
            }

            _rows.Blur(lattice.Rows, lattice.Links.Chains(LatticeCells.FirstWithinColumn).Cells(first, cells));
            for (int cell = first; cell < first + cells; cell++)
            {
                for (int axis = LatticeCells.FirstWithinCell; axis < lattice.Corners; axis++)
                {
                    _rows.Blur(lattice.Rows, lattice.Links.Chains(axis).Cells(cell, 1));
                }
            }
        }
    }

    private void Copy(int worker, int item)
    {
        for (int k = 0; k < _lattices.Count; k++)
        {
            for (int range = 1; range < _team.Workers; range++)
            {
                _rows.Copy(_lattices[k].Rows, _lattices[k].Links.SharedOf(range).Part(worker, _team.Workers));
            }
        }
    }
}
