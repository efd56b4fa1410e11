using System.Buffers;
using InferenceServer.Cli.Hosting;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Segments labelled images with the server's pipeline and counts the pixels, without and with
/// refinement.</summary>
internal sealed class Evaluator
{
    private readonly Segmenter _segmenter;
    private readonly LoadedModel _model;
    private readonly byte _ignore;
    private readonly SegmentSettings _settings;

    public Evaluator(Segmenter segmenter, LoadedModel model, byte ignore, SegmentSettings settings, bool calibrates)
    {
        (_segmenter, _model, _ignore, _settings) = (segmenter, model, ignore, settings);
        Classes = model.Classes.Names.Count;
        Unknown = new UnknownLabels(Classes, ignore);
        Plain = new Tally(Classes);
        Calibration = calibrates ? new Calibration(Classes) : null;
        Refined = settings.Refine ?? model.Manifest.Postprocess.Crf?.Default ?? false ? new Tally(Classes) : null;
    }

    /// <summary>Checks that label maps can tell the classes of a model apart.</summary>
    /// <exception cref="CommandException">The model has too many classes, or classes that overlap.</exception>
    public static void Check(LoadedModel model)
    {
        if (model.Postprocessor.IsMultilabel)
        {
            throw new CommandException(
                $"Expected a model that gives each pixel one class, as label maps do; the classes of '{model.Name}' may overlap.");
        }

        if (model.Classes.Names.Count > ArgMax.MaxClasses)
        {
            throw new CommandException(
                $"Expected a model of at most {ArgMax.MaxClasses} classes, since label maps have 8 bits; "
                + $"'{model.Name}' has {model.Classes.Names.Count}.");
        }
    }

    /// <summary>The counts of the masks without refinement.</summary>
    public Tally Plain { get; }

    /// <summary>How well probabilities tell how often labels are right; null where it is not measured.</summary>
    public Calibration? Calibration { get; }

    /// <summary>The counts of the refined masks; null without refinement.</summary>
    public Tally? Refined { get; }

    /// <summary>Pixels whose label is neither a class nor void.</summary>
    public UnknownLabels Unknown { get; }

    private int Classes { get; }

    /// <summary>Segments an image and counts its pixels.</summary>
    /// <exception cref="CommandException">The image or the label cannot be used. Skipping it would change the
    /// score.</exception>
    public async Task AddAsync(LabelPair pair, CancellationToken cancellationToken)
    {
        LabelPng truth = await pair.ReadLabelAsync(cancellationToken).ConfigureAwait(false);
        SegmentationRequest request = new()
        {
            Image = await File.ReadAllBytesAsync(pair.Image, cancellationToken).ConfigureAwait(false),
            Settings = _settings with { Refine = false },
            WithImage = Refined is not null,
            WithProbabilities = Refined is not null || Calibration is not null,
        };
        try
        {
            using AdmittedRequest admitted = _segmenter.Admit(_model.Name, cancellationToken);
            using SegmentationResult result = await _segmenter.SegmentAsync(admitted, request).ConfigureAwait(false);
            if (result.Mask.Size != truth.Size)
            {
                throw new CommandException(
                    $"{pair.Label}: expected {result.Mask.Size} pixels, as its image '{pair.Image}' has, got "
                    + $"{truth.Size}.");
            }

            Calibration?.Add(truth.Labels, truth.Size, result.Mask.Probabilities.Span, _ignore);

            // One run of the network gives the scores before and after refinement.
            using Mask? refined = Refined is null
                ? null
                : await _segmenter.RefineAsync(result, _settings.Crf, cancellationToken).ConfigureAwait(false);
            Count(truth, result.Mask, refined);
        }
        catch (SegmentationException e)
        {
            throw new CommandException($"{pair.Image}: {e.Message}");
        }
    }

    private void Count(LabelPng truth, Mask plain, Mask? refined)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(truth.Labels.Length);
        Span<byte> distances = rented.AsSpan(0, truth.Labels.Length);
        BoundaryDistance.Compute(truth.Labels, truth.Size, Classes, _ignore, Tally.Widest, distances);
        Plain.Add(truth.Labels, distances, plain.Labels.Span, _ignore);
        if (refined is not null)
        {
            Refined!.Add(truth.Labels, distances, refined.Labels.Span, _ignore);
        }

        ArrayPool<byte>.Shared.Return(rented);
        Unknown.Add(truth);
    }
}

/// <summary>Confusion matrices over all images: of all pixels, and of the pixels near true boundaries.</summary>
internal sealed class Tally(int classes)
{
    /// <summary>Largest distance to a boundary, in pixels.</summary>
    public const int Widest = 20;

    /// <summary>The confusion matrix of all pixels.</summary>
    public ConfusionMatrix All { get; } = new(classes);

    /// <summary>The confusion matrices of the pixels within 1, 2, … <see cref="Widest"/> pixels of another
    /// class.</summary>
    public IReadOnlyList<ConfusionMatrix> Bands { get; } = [.. Enumerable.Range(0, Widest).Select(_ => new ConfusionMatrix(classes))];

    /// <summary>Counts an image.</summary>
    /// <param name="truth">True labels, HW.</param>
    /// <param name="distances">Distances by <see cref="BoundaryDistance"/> in the truth, HW.</param>
    /// <param name="prediction">Predicted labels, HW.</param>
    /// <param name="ignore">The void label.</param>
    public void Add(ReadOnlySpan<byte> truth, ReadOnlySpan<byte> distances, ReadOnlySpan<byte> prediction, byte ignore)
    {
        All.Add(truth, prediction, ignore);
        byte[] rented = ArrayPool<byte>.Shared.Rent(truth.Length);
        Span<byte> near = rented.AsSpan(0, truth.Length);
        truth.CopyTo(near);
        for (int width = Widest; width >= 1; width--)
        {
            for (int i = 0; i < near.Length; i++)
            {
                near[i] = distances[i] > width ? ignore : near[i];
            }

            Bands[width - 1].Add(near, prediction, ignore);
        }

        ArrayPool<byte>.Shared.Return(rented);
    }
}
