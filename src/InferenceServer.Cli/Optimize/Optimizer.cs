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

    /// <summary>Median time of the float graph and of this one for one input.</summary>
    public (TimeSpan Float, TimeSpan Own) Time { get; init; }

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
    private GraphProbe _probe = null!;

    /// <summary>Optimises the workspace's model.</summary>
    /// <param name="set">The images.</param>
    /// <param name="labelled">The labelled ones among the images to check on; empty without labels.</param>
    /// <param name="advance">Called with each step's name.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The graph, and what was measured.</returns>
    /// <exception cref="CommandException">Nothing in the graph can be 8 bits; the message says why.</exception>
    public async Task<OptimizationResult> RunAsync(
        OptimizationSet set, IReadOnlyList<LabelPair> labelled, Action<string> advance, CancellationToken cancellationToken)
    {
        advance("Folding batch norms and constants");
        string file = workspace.Prepare();
        _original = workspace.Load(OptimizationWorkspace.Float, cancellationToken);
        AdaptationRequest request = AdaptationRequest.Of(_original.Model.Manifest);
        _probe = new GraphProbe(workspace.Sessions, request);
        foreach (string image in set.HeldOut)
        {
            _masks.Add(await _original.LabelsAsync(image, cancellationToken).ConfigureAwait(false));
        }

        (LoadedVariant made, double agreement, (int Made, int All) layers) = settings.Variant == GraphVariant.Float16
            ? await HalveAsync(file, set, cancellationToken).ConfigureAwait(false)
            : await QuantizeAsync(file, set, advance, cancellationToken).ConfigureAwait(false);
        advance("Checking");
        OptimizationResult result = new()
        {
            File = workspace.File(made.Model.Name), Layers = layers, Agreement = agreement, Time = Time(made, set, cancellationToken),
        };
        if (labelled.Count == 0)
        {
            return result;
        }

        double before = await _original.MeanIouAsync(labelled, settings.Ignore, cancellationToken).ConfigureAwait(false);
        double after = await made.MeanIouAsync(labelled, settings.Ignore, cancellationToken).ConfigureAwait(false);
        return result with { MeanIou = (before * 100, after * 100) };
    }

    private async Task<(LoadedVariant Made, double Agreement, (int Made, int All) Layers)> HalveAsync(
        string file, OptimizationSet set, CancellationToken cancellationToken)
    {
        string half = workspace.NewFile();
        using (OnnxModel model = OnnxModel.Open(file))
        {
            Float16Converter.Convert(model);
            model.Save(half);
        }

        LoadedVariant made = workspace.Load(workspace.AddGraph(half), cancellationToken);
        return (made, await AgreementAsync(made, set, cancellationToken).ConfigureAwait(false), default);
    }

    private async Task<(LoadedVariant Made, double Agreement, (int Made, int All) Layers)> QuantizeAsync(
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
        (Dictionary<string, ValueRange> ranges, LoadedVariant made, double agreement) =
            await ChooseAsync(file, widest, Inputs, set, advance, cancellationToken).ConfigureAwait(false);
        for (int round = 0; agreement < settings.MinAgreement && round < Rounds; round++)
        {
            advance(FormattableString.Invariant($"{agreement * 100:F2} % of the labels agree; returning the worst layers to float"));
            ReturnWorst(file, workspace.File(made.Model.Name), set, cancellationToken);
            made = Make(file, ranges, cancellationToken);
            agreement = await AgreementAsync(made, set, cancellationToken).ConfigureAwait(false);
        }

        return (made, agreement, (Plan(file).Weighted.Count, plan.Candidates));
    }

    private QuantizationPlan Plan(string file)
    {
        using OnnxModel model = OnnxModel.Open(file);
        return QuantizationPlan.Create(model.Graph, _float, settings.EndsToo);
    }

    private async Task<(Dictionary<string, ValueRange> Ranges, LoadedVariant Made, double Agreement)> ChooseAsync(
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

        (Dictionary<string, ValueRange> Ranges, LoadedVariant Made, double Agreement)? best = null;
        foreach ((string name, Func<Dictionary<string, ValueRange>> choose) in methods)
        {
            if (best?.Agreement >= settings.MinAgreement)
            {
                break; // the next method costs another run over all images
            }

            advance($"Quantising with {name}");
            Dictionary<string, ValueRange> ranges = choose();
            LoadedVariant made = Make(file, ranges, cancellationToken);
            double agreement = await AgreementAsync(made, set, cancellationToken).ConfigureAwait(false);
            if (best is null || agreement > best.Value.Agreement)
            {
                best = (ranges, made, agreement);
            }
        }

        return best!.Value;
    }

    private LoadedVariant Make(string file, Dictionary<string, ValueRange> ranges, CancellationToken cancellationToken) =>
        workspace.Load(workspace.AddGraph(Quantize(file, ranges)), cancellationToken);

    private string Quantize(string file, Dictionary<string, ValueRange> ranges)
    {
        using OnnxModel model = OnnxModel.Open(file);
        QuantizationPlan plan = QuantizationPlan.Create(model.Graph, _float, settings.EndsToo);
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

    // By turns, so that changes of the machine's speed affect both.
    private (TimeSpan Float, TimeSpan Own) Time(LoadedVariant made, OptimizationSet set, CancellationToken cancellationToken)
    {
        List<TimeSpan> before = [], after = [];
        using InputTensor input = _original.Inputs(set.HeldOut.Take(1), cancellationToken).First();
        for (int i = 0; i < Timed; i++)
        {
            before.Add(Run(_original, input, cancellationToken));
            after.Add(Run(made, input, cancellationToken));
        }

        return (Median(before), Median(after));
    }

    private static TimeSpan Run(LoadedVariant variant, InputTensor input, CancellationToken cancellationToken)
    {
        long start = Stopwatch.GetTimestamp();
        using ModelOutput output = variant.Model.Session.Run(input, cancellationToken);
        return Stopwatch.GetElapsedTime(start);
    }

    private static TimeSpan Median(List<TimeSpan> times) => times.Order().ElementAt(times.Count / 2);
}
