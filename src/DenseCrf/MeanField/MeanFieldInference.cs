using DenseCrf.Buffers;
using DenseCrf.Permutohedral;
using DenseCrf.Threading;

namespace DenseCrf.MeanField;

/// <summary>
/// One refinement: algorithm 1 of Krähenbühl and Koltun as a sequence of phases, each of which runs on all threads.
/// </summary>
internal sealed unsafe class MeanFieldInference
{
    private readonly CrfParameters _parameters;
    private readonly CrfTeam _team;
    private readonly byte* _rgb;
    private readonly CrfWorkspace _workspace;
    private readonly KernelLattice[] _lattices;
    private readonly LatticeFilter _filter;
    private readonly UnaryImporter _unary;
    private readonly ResultExporter _results;
    private readonly PixelRanges _ranges;
    private readonly CrfStageTimes? _times;
    private readonly RunPlan _plan;
    private readonly int _labels;
    private readonly int _firstLanes;
    private readonly int[] _unsettled;
    private int[] _labelOfLane;
    private RowOperations _rows;
    private PrunedLabels? _kept;
    private float _momentum;
    private int _previousLanes;
    private bool _recordsLargest;
    private bool _findsSettled;
    private bool _skipsSettled;

    public MeanFieldInference(in CrfCall call, CrfTeam team)
    {
        (_parameters, _team, _workspace, _labels, _times) = (call.Parameters, team, call.Workspace, call.Labels, call.Times);
        _rgb = call.Rgb;
        _plan = new RunPlan(_parameters, call.Size, _labels);
        _ranges = new PixelRanges(call.Size.Pixels, team.Workers);
        _unsettled = new int[team.Workers];
        _rows = RowWidths.For(_labels, _plan.HasMatrix);
        (_firstLanes, _labelOfLane) = (_plan.Lanes, [.. Enumerable.Range(0, _labels)]);
        _lattices = new KernelLattice[_parameters.Kernels.Count];
        for (int k = 0; k < _lattices.Length; k++)
        {
            _lattices[k] = _workspace.Lattice(k);
            _lattices[k].Prepare(_parameters.Kernels[k], call.Size, _ranges, _rgb);
        }

        _filter = new LatticeFilter(team, _lattices);
        PixelBuffers pixels = _workspace.Pixels;
        pixels.Exponents.Ensure(_ranges.Pixels * _firstLanes);
        pixels.Compatibilities.Ensure((long)_lattices.Length * _firstLanes * _firstLanes);
        float* shifts = null;
        if (_plan.Extrapolates)
        {
            pixels.Previous.Ensure(_ranges.Pixels * _firstLanes);
        }

        if (_plan.MayPrune)
        {
            shifts = pixels.Shifts.Ensure(_ranges.Pixels + UnaryImporter.Block);   // the last read takes a whole block
            pixels.Residuals.Ensure(_ranges.Pixels);
            pixels.Largest.Ensure((team.Workers + 1) * _firstLanes);
        }

        if (_plan.MaySettle)
        {
            pixels.Unsettled.Ensure(_ranges.Pixels + ((long)team.Workers * PixelList.ReadableAfterEnd));
        }

        NumberPixels(pixels.Numbers);

        _unary = new UnaryImporter(call, shifts);
        _results = new ResultExporter(call, _unary, shifts);
    }

    /// <summary>Whether every pixel that this iteration computes has exponents of the last one, of the same labels.</summary>
    private bool CanExtrapolate => _plan.Extrapolates && !_findsSettled && _previousLanes == _rows.Lanes;

    /// <exception cref="ArgumentException">
    /// A score is NaN or infinite, or the image needs more memory than the workspace may hold.
    /// </exception>
    public void Run(CancellationToken cancellationToken)
    {
        if (_plan.Iterations > 0)
        {
            using (_times?.Measure(CrfStage.Lattice))
            {
                BuildLattices();
            }
        }

        foreach (KernelLattice lattice in _lattices)
        {
            lattice.EnsureRows(_firstLanes);
            lattice.EnsureHeld(_plan.MaySettle ? _firstLanes : 0);
        }

        WriteCompatibilities();
        cancellationToken.ThrowIfCancellationRequested();
        Action<int, int> middle = Middle;
        Pass(CrfStage.First, First);
        if (_unary.Invalid)
        {
            throw new ArgumentException("Expected finite scores; a probability or an energy is NaN or infinite.");
        }

        for (int t = 1; t <= _plan.Iterations; t++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using (_times?.Measure(CrfStage.Blur))
            {
                _filter.Run(_rows);
            }

            if (t == _plan.Iterations)
            {
                break;
            }

            _recordsLargest = t == 1 && _plan.MayPrune;
            _findsSettled = _plan.MaySettle && t % SettledPixels.Iterations == 1 && t < _plan.Iterations - 1;
            _skipsSettled |= _findsSettled;
            _momentum = CanExtrapolate ? FastSettings.Momentum : 0;
            Pass(CrfStage.Middle, middle);
            _previousLanes = _rows.Lanes;
            if (_recordsLargest && ChooseLabels())
            {
                Array.ForEach(_lattices, lattice => lattice.Flip());
                Pass(CrfStage.Middle, Prune);
                AdoptWidth();
            }
        }

        _skipsSettled = false;
        Pass(CrfStage.Last, Last);
    }

    /// <summary>Builds the lattices that the workspace does not have from its last call.</summary>
    private void BuildLattices()
    {
        KernelLattice[] missing = [.. _lattices.Where(lattice => !lattice.IsBuilt)];
        if (missing.Length > 0)
        {
            LatticeBuilder builder = new(_team, missing, _rgb);
            builder.Connect();
            builder.Normalize();
            Array.ForEach(missing, lattice => lattice.Keep(_rgb));
        }
    }

    /// <summary>Numbers as many pixels as the longest range has.</summary>
    private void NumberPixels(NativeBuffer<int> numbers)
    {
        long longest = 0;
        for (int range = 0; range < _ranges.Count; range++)
        {
            longest = Math.Max(longest, _ranges[range].End - _ranges[range].Start);
        }

        int count = checked((int)longest + PixelList.ReadableAfterEnd);
        int* at = numbers.Ensure(count);
        for (int i = 0; i < count; i++)
        {
            at[i] = i;
        }
    }

    private void Pass(CrfStage stage, Action<int, int> body)
    {
        using (_times?.Measure(stage))
        {
            _team.Run(1, body);
        }
    }

    private void First(int range, int item)
    {
        Span<KernelView> kernels = stackalloc KernelView[_lattices.Length];
        _rows.First(View(range, kernels), _unary);
    }

    private void Middle(int range, int item)
    {
        Span<KernelView> kernels = stackalloc KernelView[_lattices.Length];
        int unsettled = _rows.Middle(View(range, kernels));
        if (_findsSettled)
        {
            _unsettled[range] = unsettled;
        }
    }

    private void Prune(int range, int item)
    {
        Span<KernelView> kernels = stackalloc KernelView[_lattices.Length];
        _rows.Prune(View(range, kernels), _kept!);
        foreach (KernelLattice lattice in _lattices)
        {
            lattice.Narrow(range, _rows.Lanes, _kept!);
        }
    }

    private void Last(int range, int item)
    {
        Span<KernelView> kernels = stackalloc KernelView[_lattices.Length];
        _rows.Last(View(range, kernels), _results);
    }

    private RangeView View(int range, Span<KernelView> kernels)
    {
        PixelBuffers pixels = _workspace.Pixels;
        (long start, long end) = _ranges[range];
        if (_plan.Iterations == 0)
        {
            kernels = [];
        }

        bool skips = _skipsSettled && !_findsSettled;
        int* unsettled = pixels.Unsettled.Pointer + start + ((long)range * PixelList.ReadableAfterEnd);
        for (int k = 0; k < kernels.Length; k++)
        {
            kernels[k] = _lattices[k].View(range, _rows.Lanes);
            kernels[k].Expected = _findsSettled ? kernels[k].Held : kernels[k].Next;
            SetCompatibility(ref kernels[k], k);
        }

        return new RangeView
        {
            Start = start,
            Pixels = end - start,
            Exponents = pixels.Exponents.Pointer + (start * _firstLanes),   // ranges keep their place when rows get shorter
            Residuals = _kept is null ? null : pixels.Residuals.Pointer + start,
            Previous = _plan.Extrapolates ? pixels.Previous.Pointer + (start * _firstLanes) : null,
            Momentum = _momentum,
            Computed = skips ? new(unsettled, _unsettled[range]) : new(pixels.Numbers.Pointer, (int)(end - start)),
            StartsFromHeld = skips,
            Unsettled = _findsSettled ? unsettled : null,
            SettleBelow = _plan.SettleBelow,
            Largest = _recordsLargest ? pixels.Largest.Pointer + (range * _firstLanes) : null,
            Kernels = kernels,
        };
    }

    /// <summary>
    /// Keeps the labels whose largest marginal reaches the threshold. Returns false if the rows would not get shorter.
    /// </summary>
    private bool ChooseLabels()
    {
        float* largest = _workspace.Pixels.Largest.Pointer;
        List<int> kept = [];
        for (int label = 0; label < _labels; label++)
        {
            float max = 0;
            for (int range = 0; range < _team.Workers; range++)
            {
                if (_ranges[range].Start < _ranges[range].End)
                {
                    max = Math.Max(max, largest[(range * _firstLanes) + label]);
                }
            }

            if (max >= _plan.PruneBelow)
            {
                kept.Add(label);
            }
        }

        int lanes = RowWidths.Lanes(kept.Count);
        if (kept.Count == 0 || lanes >= _rows.Lanes)
        {
            return false;
        }

        Span<float> dropped = new(largest + (_team.Workers * _firstLanes), _firstLanes);
        _kept = new PrunedLabels([.. kept], _labels, lanes, dropped);
        return true;
    }

    private void AdoptWidth()
    {
        _labelOfLane = _kept!.Kept.ToArray();
        _rows = RowWidths.For(_labelOfLane.Length, matrix: false);
        _results.Restore(_kept.Kept);
        WriteCompatibilities();
    }

    /// <summary>
    /// Writes the factors of the messages: the negated compatibility, because an exponent is a negative energy, times
    /// the alpha of slicing.
    /// </summary>
    private void WriteCompatibilities()
    {
        for (int k = 0; k < _lattices.Length; k++)
        {
            CrfCompatibility compatibility = _parameters.Kernels[k].Compatibility;
            float factor = -_lattices[k].Alpha;
            bool matrix = compatibility.Kind == CrfCompatibilityKind.Matrix;
            int rows = matrix ? _labels : 1;
            for (int row = 0; row < rows; row++)
            {
                Span<float> values = new(Compatibility(k) + (row * _rows.Lanes), _rows.Lanes);
                values.Clear();
                for (int lane = 0; lane < _labelOfLane.Length; lane++)
                {
                    float value = matrix ? compatibility.Symmetric(row, lane, _labels) : compatibility.Own(_labelOfLane[lane]);
                    values[lane] = factor * value;
                }
            }
        }
    }

    private float* Compatibility(int kernel) =>
        _workspace.Pixels.Compatibilities.Pointer + ((long)kernel * _firstLanes * _firstLanes);

    private void SetCompatibility(ref KernelView view, int kernel)
    {
        bool matrix = _parameters.Kernels[kernel].Compatibility.Kind == CrfCompatibilityKind.Matrix;
        view.Compatibility = Compatibility(kernel);
        view.Matrix = matrix ? view.Compatibility : null;
        view.MatrixColumns = _labels;
    }
}
