using InferenceServer.Kernels.Crf.MeanField;
using InferenceServer.Kernels.Crf.Threading;

namespace InferenceServer.Kernels.Crf.Permutohedral;

/// <summary>Turns the rows that slabs have splatted into rows to slice from, in all lattices at once.</summary>
internal sealed unsafe class LatticeFilter
{
    /// <summary>Parts of a lane's share of an axis: a thread that is done early takes some of another's.</summary>
    private const int Parts = 4;

    private readonly CrfTeam _team;
    private readonly IReadOnlyList<KernelLattice> _lattices;
    private readonly Action<int, int> _merge, _blur, _copy;
    private readonly int _axes;
    private RowOperations _rows = null!;
    private int _axis;
    private int _slab;

    public LatticeFilter(CrfTeam team, IReadOnlyList<KernelLattice> lattices)
    {
        // The delegates are made once: an iteration allocates nothing.
        (_team, _lattices, _merge, _blur, _copy) = (team, lattices, Merge, Blur, Copy);
        _axes = lattices.Max(lattice => lattice.Corners);
    }

    /// <summary>Adds up twins, blurs along the axes in their order, and gives each twin the result.</summary>
    public void Run(RowOperations rows)
    {
        _rows = rows;
        for (int k = 0; k < _lattices.Count; k++)
        {
            _lattices[k].Flip();
        }

        // Slab by slab, because one row may have a twin in several.
        for (_slab = 1; _slab < _team.Lanes; _slab++)
        {
            _team.Run(1, _merge);
        }

        for (_axis = 0; _axis < _axes; _axis++)
        {
            _team.Run(Parts, _blur);
        }

        if (_team.Lanes > 1)
        {
            _team.Run(1, _copy);
        }
    }

    private void Merge(int lane, int item)
    {
        for (int k = 0; k < _lattices.Count; k++)
        {
            _rows.Merge(_lattices[k].Rows, _lattices[k].Links.TwinsOf(_slab).Part(lane, _team.Lanes));
        }
    }

    private void Blur(int lane, int item)
    {
        for (int k = 0; k < _lattices.Count; k++)
        {
            if (_axis < _lattices[k].Corners)
            {
                ReadOnlySpan<int> chains = _lattices[k].Links.Chains(_axis).Part((lane * Parts) + item, _team.Lanes * Parts);
                _rows.Blur(_lattices[k].Rows, chains);
            }
        }
    }

    private void Copy(int lane, int item)
    {
        for (int k = 0; k < _lattices.Count; k++)
        {
            for (int slab = 1; slab < _team.Lanes; slab++)
            {
                _rows.Copy(_lattices[k].Rows, _lattices[k].Links.TwinsOf(slab).Part(lane, _team.Lanes));
            }
        }
    }
}
