using InferenceServer.Kernels;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Finds what a graph takes and returns, by trial runs; for models without a manifest.</summary>
internal sealed class ModelInspector(SessionFactory sessions)
{
    private const int StrideSide = 128;

    /// <summary>Runs the graph at many sizes.</summary>
    /// <param name="file">The ONNX file.</param>
    /// <param name="signature">The inputs and outputs of the graph; the first of each is inspected.</param>
    /// <param name="cancellationToken">Stops the trial runs.</param>
    /// <exception cref="ManifestException">The graph cannot be served, or fails at every size.</exception>
    public ModelInspection Inspect(string file, GraphSignature signature, CancellationToken cancellationToken)
    {
        try
        {
            return Inspect(file, signature, channels: 3, cancellationToken);
        }
        catch (ManifestException) when (signature.Inputs[0].Shape is [_, < 0, _, _])
        {
            return Inspect(file, signature, channels: 1, cancellationToken); // channels left open: RGB fails, so gray
        }
    }

    private ModelInspection Inspect(string file, GraphSignature signature, int channels, CancellationToken cancellationToken)
    {
        (TensorSignature input, TensorSignature output) = (signature.Inputs[0], signature.Outputs[0]);
        OutputKind binding = output.TypeName.Contains("int", StringComparison.Ordinal) ? OutputKind.Labels : OutputKind.Logits;
        GraphManifest graph = new() { Input = input.Name, Output = new GraphOutput(output.Name), OutputKind = binding };
        using IModelSession session = sessions.Open(
            file, new AdaptationRequest { Graph = graph, Channels = channels, Size = new ImageSize(96, 64) }).Session;
        SizeTrials sizes = new(session, cancellationToken);
        ImageSize? only = input.Shape is [_, _, > 0, > 0] ? new ImageSize(input.Shape[3], input.Shape[2]) : null;
        IReadOnlyList<SizeRule> rules = only is null ? sizes.TryRules() : [];
        SizeRule? rule = rules.FirstOrDefault(r => r.Works);
        only ??= rule is null ? sizes.FindFixed() : null;
        ImageSize? typical = rule?.Tried[0] ?? only;
        if (typical is not { } size || TrialOutput.Run(session, 1, size, cancellationToken) is not { } trial)
        {
            throw new ManifestException(
                Path.GetFileName(file),
                ["expected a graph that runs at a common image size, but it failed at every tried size; check its input"]);
        }

        ImageSize smallest = rule is null ? size : sizes.FindSmallest(rule);
        List<string> assumptions = [];
        OutputKind kind = Guess(trial, assumptions);
        // The two sides differ, and every common stride divides both. On other sides, a stride of 8 that rounds up
        // looks like a stride of 7.
        trial = TrialOutput.Run(session, 1, new ImageSize(StrideSide * 2, StrideSide), cancellationToken) ?? trial;
        return new ModelInspection
        {
            Input = input.Name,
            InputChannels = session.Layout.Channels,
            Output = output.Name,
            Rules = rules,
            Fixed = only,
            Smallest = smallest,
            Batches = TrialOutput.Run(session, 2, smallest, cancellationToken) is { Images: 2 },
            OutputStride = Ratio(trial.Input.Height, trial.Grid.Height),
            OutputScale = Ratio(trial.Grid.Height, trial.Input.Height),
            Channels = trial.Channels,
            Classes = kind == OutputKind.Labels ? Math.Max(trial.LargestLabel + 1, 2) : Math.Max(trial.Channels, 2),
            Kind = kind,
            Assumptions = assumptions,
        };
    }

    private static OutputKind Guess(TrialOutput trial, List<string> assumptions)
    {
        if (!trial.IsFinite)
        {
            assumptions.Add("The output of a run on noise holds NaN or infinity; the server refuses such a model.");
        }

        if (trial.IsInteger)
        {
            assumptions.Add(
                "A graph that ends in labels does not show the number of classes: the draft takes the largest " +
                "label of a run on noise, plus 1.");
            return OutputKind.Labels;
        }

        if (trial.Channels == 1)
        {
            if (trial.InUnitRange)
            {
                assumptions.Add("One channel within 0 to 1: taken as the probability of the second of two classes.");
                return OutputKind.Probabilities;
            }

            assumptions.Add("One channel beyond 0 to 1: taken as the logit of the second of two classes.");
            return OutputKind.BinaryLogit;
        }

        if (trial.InUnitRange && trial.SumsToOne)
        {
            return OutputKind.Probabilities;
        }

        return OutputKind.Logits;
    }

    private static int Ratio(int longer, int shorter) => Math.Max(1, (int)Math.Round((double)longer / shorter));
}
