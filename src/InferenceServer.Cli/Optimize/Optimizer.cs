using System.Diagnostics;
using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using OnnxGraph;

namespace InferenceServer.Cli.Optimize;

/// <summary>What a graph in 8 bits must hold, and how it is made.</summary>
internal sealed record OptimizationSettings
{
    public CalibrationMethod Method { get; init; }

    /// <summary>Bits of a weight: 7 or 8.</summary>
    public required int WeightBits { get; init; }

    /// <summary>Int8 or Float16.</summary>
    public GraphVariant Variant { get; init; } = GraphVariant.Int8;

    /// <summary>A graph that another program made of the model's, to be checked instead of making one; null makes one.</summary>
    public string? Graph { get; init; }

    /// <summary>Whether a graph is made that depends on the calibration images.</summary>
    public bool UsesCalibration => Variant == GraphVariant.Int8 && Graph is null;

    /// <summary>Whether the nodes that give the scores become 8 bits, too.</summary>
    public bool EndsToo { get; init; }

    /// <summary>Least share of equal labels, over images that were not calibrated on.</summary>
    public double MinAgreement { get; init; } = 0.995;

    /// <summary>Most points of mean IoU that may be lost.</summary>
    public double MaxLoss { get; init; } = 0.2;

    /// <summary>Least speed in multiples of the float graph's.</summary>
    public double MinSpeedup { get; init; } = 1.3;

    /// <summary>The void label.</summary>
    public byte Ignore { get; init; } = 255;
}

/// <summary>A graph that was made, and what a check has measured.</summary>
internal sealed record OptimizationResult
{
    /// <summary>The graph.</summary>
    public required string File { get; init; }

    /// <summary>Nodes with weights in 8 bits, of those that could be.</summary>
    public (int Made, int All) Layers { get; init; }

    /// <summary>Share of equal labels.</summary>
    public required double Agreement { get; init; }

    /// <summary>Mean IoU of the float graph and of this one, in percent; null without labels.</summary>
    public (double Float, double Own)? MeanIou { get; init; }

    /// <summary>Shortest time of the float graph and of this one for one input: of the processor, or on a GPU by the clock.</summary>
    public (TimeSpan Float, TimeSpan Own) Time { get; init; }

    /// <summary>Whether <see cref="Time"/> is that of the processor.</summary>
    public bool IsProcessorTime { get; init; }

    public double Speedup => Time.Float / Time.Own;

    public double Loss => MeanIou is { } iou ? iou.Float - iou.Own : 0;
}

/// <summary>Makes a graph in 8 bits of a float graph, and returns layers to float until the masks agree.</summary>
internal sealed class Optimizer(OptimizationWorkspace workspace, OptimizationSettings settings)
{
    private const int Rounds = 6;
    private const double ReturnedPerRound = 0.06;
    private const int Averaged = 16, Compared = 2, Timed = 15;

    private readonly HashSet<string> _float = [];
    private readonly List<byte[]> _masks = [];
    private Dictionary<string, float[]> _means = [];
    private LoadedVariant _original = null!;
    private double _originalIou;
    private GraphProbe _probe = null!;

    /// <summary>Optimises the workspace's model.</summary>
    /// <param name="set">The images.</param>
    /// <param name="advance">Called with each step's name.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The graph, and what was measured.</returns>
    /// <exception cref="CommandException">Nothing in the graph can be 8 bits; the message says why.</exception>
    public async Task<OptimizationResult> RunAsync(OptimizationSet set, Action<string> advance, CancellationToken cancellationToken)
    {
        advance("Folding batch norms and constants");
        string file = workspace.Prepare();
        _original = workspace.Load(OptimizationWorkspace.Float, cancellationToken);
        _probe = new GraphProbe(workspace.Sessions, AdaptationRequest.Of(_original.Model.Manifest));
        foreach (string image in set.HeldOut)
        {
            _masks.Add(await _original.LabelsAsync(image, cancellationToken).ConfigureAwait(false));
        }

        if (set.Labelled.Count > 0)
        {
            Evaluator.Check(_original.Model);
            _originalIou = await _original.MeanIouAsync(set.Labelled, settings.Ignore, cancellationToken).ConfigureAwait(false);
        }

        (Candidate made, (int Made, int All) layers) = settings switch
        {
            { Graph: { } other } => (await CopyAsync(other, set, cancellationToken).ConfigureAwait(false), default),
            { Variant: GraphVariant.Float16 } => (await HalveAsync(file, set, cancellationToken).ConfigureAwait(false), default),
            _ => await QuantizeAsync(file, set, advance, cancellationToken).ConfigureAwait(false),
        };
        advance("Measuring the speed");
        return new OptimizationResult
        {
            File = workspace.File(made.Variant.Model.Name), Layers = layers, Agreement = made.Agreement,
            MeanIou = set.Labelled.Count == 0 ? null : (_originalIou, made.MeanIou),
            Time = Time(made.Variant, set, cancellationToken), IsProcessorTime = IsOnProcessor(_original),
        };
    }

    private Task<Candidate> CopyAsync(string graph, OptimizationSet set, CancellationToken cancellationToken)
    {
        string copy = workspace.NewFile();
        File.Copy(graph, copy);
        return JudgeAsync(copy, set, cancellationToken);
    }

    private Task<Candidate> HalveAsync(string file, OptimizationSet set, CancellationToken cancellationToken)
    {
        string half = workspace.NewFile();
        using (OnnxModel model = OnnxModel.Open(file))
        {
            Float16Converter.Convert(model);
            model.Save(half);
        }

        return JudgeAsync(half, set, cancellationToken);
    }

    private async Task<(Candidate Made, (int Made, int All) Layers)> QuantizeAsync(
        string file, OptimizationSet set, Action<string> advance, CancellationToken cancellationToken)
    {
        advance($"Calibrating on {set.Calibration.Count} images");
        QuantizationPlan plan = Plan(file);
        if (plan.Weighted.Count == 0)
        {
            throw new CommandException(
                "This graph cannot be made faster: expected convolutions or matrix products with constant float32 weights before the "
                + $"last ones, found {plan.Candidates} in all. It may be quantised already, or be of another precision.");
        }

        IEnumerable<InputTensor> Inputs() => _original.Inputs(set.Calibration, cancellationToken);
        HashSet<string> steps = [.. plan.Values.Select(plan.StepsOf)];
        Dictionary<string, ValueRange> widest = Calibration.MinMax(_probe, file, steps, Inputs());
        _means = Means(file, plan, set.Calibration.Take(Averaged), cancellationToken);
        (Dictionary<string, ValueRange> ranges, Candidate made) =
            await ChooseAsync(file, widest, Inputs, set, advance, cancellationToken).ConfigureAwait(false);
        plan.AddRanges(ranges);
        for (int round = 0; !Holds(made) && round < Rounds; round++)
        {
            string lost = set.Labelled.Count == 0 ? "" : FormattableString.Invariant($", {Loss(made):F2} points of mean IoU are lost");
            advance(FormattableString.Invariant(
                $"{made.Agreement * 100:F2} % of the labels agree{lost}; returning the worst layers to float"));
            ReturnWorst(file, workspace.File(made.Variant.Model.Name), set, cancellationToken);
            made = await JudgeAsync(Quantize(file, ranges), set, cancellationToken).ConfigureAwait(false);
        }

        return (made, (Plan(file).Weighted.Count, plan.Candidates));
    }

    private double Loss(Candidate made) => _originalIou - made.MeanIou;

    private bool Holds(Candidate made) => made.Agreement >= settings.MinAgreement && Loss(made) <= settings.MaxLoss;

    private async Task<Candidate> JudgeAsync(string graph, OptimizationSet set, CancellationToken cancellationToken)
    {
        LoadedVariant made = workspace.Load(workspace.AddGraph(graph), cancellationToken);
        double agreement = await AgreementAsync(made, set, cancellationToken).ConfigureAwait(false);
        double iou = set.Labelled.Count == 0
            ? 0
            : await made.MeanIouAsync(set.Labelled, settings.Ignore, cancellationToken).ConfigureAwait(false);
        return new Candidate(made, agreement, iou);
    }

    private QuantizationPlan Plan(string file)
    {
        using OnnxModel model = OnnxModel.Open(file);
        return QuantizationPlan.Create(model, _float, settings.EndsToo);
    }

    private async Task<(Dictionary<string, ValueRange> Ranges, Candidate Made)> ChooseAsync(
        string file, Dictionary<string, ValueRange> widest, Func<IEnumerable<InputTensor>> inputs, OptimizationSet set,
        Action<string> advance, CancellationToken cancellationToken)
    {
        List<(string Name, Func<Dictionary<string, ValueRange>> Ranges)> methods = [("the whole range", () => widest)];
        Lazy<Dictionary<string, Histogram>> histograms = new(() => Calibration.Histograms(_probe, file, widest, inputs));
        Dictionary<string, ValueRange> From(Func<Histogram, ValueRange> choose) =>
            histograms.Value.ToDictionary(seen => seen.Key, seen => choose(seen.Value));
        methods.Add(("the range without outliers", () => From(histogram => histogram.WithoutOutliers())));
        methods.Add(("the range of least divergence", () => From(histogram => histogram.OfLeastDivergence())));
        if (settings.Method != CalibrationMethod.Auto)
        {
            methods = [methods[(int)settings.Method - 1]];
        }

        (Dictionary<string, ValueRange> Ranges, Candidate Made)? best = null;
        foreach ((string name, Func<Dictionary<string, ValueRange>> choose) in methods)
        {
            if (best is { } found && Holds(found.Made))
            {
                break; // the next method costs another run over all images
            }

            advance($"Quantising with {name}");
            Dictionary<string, ValueRange> ranges = choose();
            Candidate made = await JudgeAsync(Quantize(file, ranges), set, cancellationToken).ConfigureAwait(false);
            if (best is null || Holds(made) || made.Agreement > best.Value.Made.Agreement)
            {
                best = (ranges, made);
            }
        }

        return best!.Value;
    }

    private string Quantize(string file, Dictionary<string, ValueRange> ranges)
    {
        using OnnxModel model = OnnxModel.Open(file);
        QuantizationPlan plan = QuantizationPlan.Create(model, _float, settings.EndsToo);
        Quantizer.Quantize(model, plan, ranges, settings.WeightBits, _means);
        string made = workspace.NewFile();
        model.Save(made);
        return made;
    }

    // The mean of each channel that goes into a convolution.
    private Dictionary<string, float[]> Means(
        string file, QuantizationPlan plan, IEnumerable<string> files, CancellationToken cancellationToken)
    {
        string[] values =
        [
            .. plan.Weighted.Where(node => node.Node.OpType == "Conv" && node.Weights.Dims.Length == 4)
                .Select(node => node.Node.Inputs[0]).Distinct(),
        ];
        string[] images = [.. files];
        Dictionary<string, float[]> means = [];
        _probe.Reduce(file, values, ["ReduceMean"], _original.Inputs(images, cancellationToken), (_, value, _, numbers) =>
        {
            float[] sums = means.GetValueOrDefault(value) ?? (means[value] = new float[numbers.Length]);
            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] += numbers[i] / images.Length;
            }
        });
        return means;
    }

    private void ReturnWorst(string file, string made, OptimizationSet set, CancellationToken cancellationToken)
    {
        string[] outputs = [.. Plan(file).Weighted.Select(node => node.Node.Outputs[0])];
        IEnumerable<InputTensor> Inputs() => _original.Inputs(set.Calibration.Take(Compared), cancellationToken);
        Dictionary<(int, string), float[]> wanted = [];
        Dictionary<string, (double Signal, double Noise)> power = outputs.ToDictionary(output => output, _ => (0.0, 0.0));
        _probe.Read(file, outputs, Inputs, (input, value, _, numbers) => wanted[(input, value)] = Sample(numbers));
        _probe.Read(made, outputs, Inputs, (input, value, _, numbers) =>
        {
            float[] got = Sample(numbers);
            (double signal, double noise) = power[value];
            foreach ((float right, float own) in wanted[(input, value)].Zip(got))
            {
                signal += right * (double)right;
                noise += (right - (double)own) * (right - own);
            }

            power[value] = (signal, noise);
        });
        int count = Math.Max((int)(outputs.Length * ReturnedPerRound), 1);
        _float.UnionWith(outputs.OrderBy(output => power[output].Signal / Math.Max(power[output].Noise, double.Epsilon)).Take(count));
    }

    // Every value of a small one, and as many of a large one: enough for its power.
    private static float[] Sample(ReadOnlySpan<float> numbers)
    {
        const int most = 100_003;
        int step = Math.Max(numbers.Length / most, 1);
        float[] sample = new float[numbers.Length / step];
        for (int i = 0; i < sample.Length; i++)
        {
            sample[i] = numbers[i * step];
        }

        return sample;
    }

    private async Task<double> AgreementAsync(LoadedVariant made, OptimizationSet set, CancellationToken cancellationToken)
    {
        long equal = 0, all = 0;
        for (int i = 0; i < set.HeldOut.Count; i++)
        {
            byte[] mask = await made.LabelsAsync(set.HeldOut[i], cancellationToken).ConfigureAwait(false);
            using MemoryStream content = new(mask);
            NpyHeader header = NpyHeader.Read(content);
            int size = header.Type.EndsWith('2') ? sizeof(ushort) : sizeof(byte);
            for (int at = (int)content.Position; at < mask.Length; at += size)
            {
                equal += mask.AsSpan(at, size).SequenceEqual(_masks[i].AsSpan(at, size)) ? 1 : 0;
                all++;
            }
        }

        return equal / (double)all;
    }

    // By turns, so that changes of the machine's speed affect both; the shortest run of each is least disturbed.
    private (TimeSpan Float, TimeSpan Own) Time(LoadedVariant made, OptimizationSet set, CancellationToken cancellationToken)
    {
        List<TimeSpan> before = [], after = [];
        using InputTensor input = _original.Inputs(set.HeldOut.Take(1), cancellationToken).First();
        for (int i = 0; i < Timed; i++)
        {
            before.Add(Run(_original, input, cancellationToken));
            after.Add(Run(made, input, cancellationToken));
        }

        return (before.Min(), after.Min());
    }

    // On the processor its own time counts, which other programs do not change much.
    private static TimeSpan Run(LoadedVariant variant, InputTensor input, CancellationToken cancellationToken)
    {
        (long start, TimeSpan used) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        using ModelOutput output = variant.Model.Session.Run(input, cancellationToken);
        return IsOnProcessor(variant) ? Environment.CpuUsage.TotalTime - used : Stopwatch.GetElapsedTime(start);
    }

    private static bool IsOnProcessor(LoadedVariant variant) => variant.Model.Session.Provider == ExecutionProvider.Cpu;

    /// <summary>A graph that was made and loaded, its share of equal labels, and its mean IoU in percent, 0 without labels.</summary>
    private sealed record Candidate(LoadedVariant Variant, double Agreement, double MeanIou);
}
