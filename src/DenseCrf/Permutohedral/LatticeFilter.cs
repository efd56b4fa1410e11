using DenseCrf.MeanField;
using DenseCrf.Threading;

namespace DenseCrf.Permutohedral;

/// <summary>Blurs the splatted rows of all lattices, so that values can be sliced from them.</summary>
internal sealed unsafe class LatticeFilter
{
    /// <summary>
    /// Parts of each worker's share of an axis: a thread that finishes early takes parts of another worker.
    /// </summary>
    private const int PartsPerWorker = 4;

    private readonly CrfTeam _team;
    private readonly IReadOnlyList<KernelLattice> _lattices;
    private readonly Action<int, int> _merge, _blur, _blurColumn, _copy;
    private readonly int _columnsPerWorker;
    private RowOperations _rows = null!;
    private int _axis;
    private int _range;

    public LatticeFilter(CrfTeam team, IReadOnlyList<KernelLattice> lattices)
    {
        // The delegates are created once, so that an iteration allocates nothing.
        (_team, _lattices, _merge, _blur, _blurColumn, _copy) = (team, lattices, Merge, Blur, BlurColumn, Copy);
        int columns = lattices.Max(lattice => lattice.Grid.Columns);
        _columnsPerWorker = (columns + team.Workers - 1) / team.Workers;
    }

    /// <summary>
    /// Sums the rows of shared vertices, blurs along the axes in their order, and copies the result to every duplicate.
    /// </summary>
    public void Run(RowOperations rows)
    {
        _rows = rows;
        for (int k = 0; k < _lattices.Count; k++)
        {
            _lattices[k].Flip();
        }

        // One range after the other, because a row may have duplicates in several ranges.
        for (_range = 1; _range < _team.Workers; _range++)
        {
            _team.Run(1, _merge);
        }

        for (_axis = 0; _axis < LatticeGrid.FirstWithinColumn; _axis++)
        {
            _team.Run(PartsPerWorker, _blur);
        }

        // The other axes cell by cell, while the rows are in the cache. A column is the work of one thread, because along
        // the third axis chains go on to later cells: after the chains that start in a cell or before, the cell is blurred.
        _team.Run(_columnsPerWorker, _blurColumn);

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
            AxisChains chains = _lattices[k].Links.Chains(_axis);
            int part = (worker * PartsPerWorker) + item;
            _rows.Blur(_lattices[k].Rows, chains.PartOf(0, part, _team.Workers * PartsPerWorker));
        }
    }

    private void BlurColumn(int worker, int item)
    {
        int column = (worker * _columnsPerWorker) + item;
        for (int k = 0; k < _lattices.Count; k++)
        {
            KernelLattice lattice = _lattices[k];
            int cells = lattice.Grid.Rows, first = column * cells;
            if (column >= lattice.Grid.Columns)
            {
                continue;
            }

            for (int cell = first; cell < first + cells; cell++)
            {
                for (int axis = LatticeGrid.FirstWithinColumn; axis < lattice.Corners; axis++)
                {
                    _rows.Blur(lattice.Rows, lattice.Links.Chains(axis).Of(cell));
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
