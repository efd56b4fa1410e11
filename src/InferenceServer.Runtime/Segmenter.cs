using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Pipeline;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Refinement;

namespace InferenceServer.Runtime;

/// <summary>Semantic segmentation: the bytes of an image in, the bytes of a mask out. Safe to share between
/// threads.</summary>
public interface ISegmenter
{
    /// <summary>Segments one image.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="image">The bytes of a JPEG, PNG, WebP, TIFF, AVIF or GIF file; they may not change before the mask
    /// is there.</param>
    /// <param name="format">The output format.</param>
    /// <param name="cancellationToken">Stops the work within a stage, in the queue, or between two of the network's
    /// operators.</param>
    /// <returns>The bytes of the mask, at the size of the upright image.</returns>
    /// <exception cref="SegmentationException">All that can go wrong, see <see cref="SegmentationError"/>.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <remarks>Waits while the model still loads.</remarks>
    Task<byte[]> SegmentAsync(
        string? model, ReadOnlyMemory<byte> image, MaskFormat format, CancellationToken cancellationToken = default) =>
        SegmentAsync(model, image, new SegmentSettings { Format = format }, cancellationToken);

    /// <summary>Segments one image with other settings than the model's.</summary>
    /// <param name="model">A model's name; null takes the default.</param>
    /// <param name="image">The bytes of a JPEG, PNG, WebP, TIFF, AVIF or GIF file; they may not change before the mask
    /// is there.</param>
    /// <param name="settings">The format, and what differs from the model's defaults: passes, refinement, time and
    /// priority. Without a timeout, only the token ends the work.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <inheritdoc cref="SegmentAsync(string?, ReadOnlyMemory{byte}, MaskFormat, CancellationToken)"/>
    Task<byte[]> SegmentAsync(
        string? model, ReadOnlyMemory<byte> image, SegmentSettings settings, CancellationToken cancellationToken = default);
}

/// <summary>Admits requests, and takes an image from its bytes to its mask.</summary>
internal sealed class Segmenter : ISegmenter
{
    private readonly ModelRepository _models;
    private readonly AdmissionControl _admission;
    private readonly PassPolicy _policy;
    private readonly CrfRefiner _refiner;
    private readonly SegmentationPipeline _pipeline;
    private readonly CpuGate _cpu;

    public Segmenter(
        ModelRepository models,
        AdmissionControl admission,
        PassPolicy policy,
        CrfRefiner refiner,
        SegmentationPipeline pipeline,
        CpuGate cpu) =>
        (_models, _admission, _policy, _refiner, _pipeline, _cpu) = (models, admission, policy, refiner, pipeline, cpu);

    /// <inheritdoc/>
    public async Task<byte[]> SegmentAsync(
        string? model, ReadOnlyMemory<byte> image, SegmentSettings settings, CancellationToken cancellationToken = default)
    {
        await _models.WaitAsync(model, cancellationToken).ConfigureAwait(false);
        AdmissionRequest wanted = new()
        {
            Model = model,
            Bytes = image.Length,
            Timeout = settings.Timeout ?? Timeout.InfiniteTimeSpan,
            Priority = settings.Priority ?? Priority.Interactive,
            Caller = cancellationToken,
        };
        if (!TryAdmit(wanted, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            throw refusal;
        }

        using (admitted)
        {
            FormatSettings options = settings.Options with { BackgroundImage = InArray(settings.Options.BackgroundImage) };
            using PooledBufferWriter mask = new();
            SegmentationRequest request = new()
            {
                Image = InArray(image), Settings = settings with { Options = options }, Output = mask,
            };
            using SegmentationResult result = await SegmentAsync(admitted, request).ConfigureAwait(false);
            return mask.Written.ToArray();
        }
    }

    /// <inheritdoc cref="AdmissionControl.TryAdmit"/>
    public bool TryAdmit(
        in AdmissionRequest request,
        [NotNullWhen(true)] out AdmittedRequest? admitted,
        [NotNullWhen(false)] out SegmentationException? refusal) =>
        _admission.TryAdmit(request, out admitted, out refusal);

    /// <summary>Admits a request without a timeout.</summary>
    /// <param name="model">The model's name; null takes the default model.</param>
    /// <param name="cancellationToken">Cancels the request.</param>
    /// <returns>The admitted request; the caller disposes it once the answer is complete.</returns>
    /// <exception cref="SegmentationException">The model is unknown or not ready, or a limit is reached.</exception>
    public AdmittedRequest Admit(string? model, CancellationToken cancellationToken)
    {
        AdmissionRequest request = new() { Model = model, Timeout = Timeout.InfiniteTimeSpan, Caller = cancellationToken };
        if (TryAdmit(request, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return admitted;
        }

        throw refusal;
    }

    /// <summary>Segments one image: decode, preprocess, infer, postprocess, refine where asked for, and encode where
    /// the request has an output.</summary>
    /// <param name="admitted">The admitted request, which the caller owns. Its token cancels the work within a stage
    /// and between two operators of the network.</param>
    /// <param name="request">The image and its settings.</param>
    /// <returns>The mask at the image's size, unless the format needs none; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The request failed; see <see cref="SegmentationError"/>.</exception>
    public async ValueTask<SegmentationResult> SegmentAsync(AdmittedRequest admitted, SegmentationRequest request)
    {
        using PipelineContext context = Resolve(admitted, request);
        if (context.MakesMask)
        {
            await _pipeline.ToMaskAsync(context).ConfigureAwait(false);
        }
        else
        {
            await _pipeline.ToViewAsync(context).ConfigureAwait(false);
        }

        return context.TakeResult();
    }

    /// <summary>Refines a result with other parameters, without another run of the network.</summary>
    /// <param name="result">The result of a request with <see cref="SegmentationRequest.WithProbabilities"/> and
    /// <see cref="SegmentationRequest.WithImage"/>; not changed.</param>
    /// <param name="crf">Parameters that differ from the manifest's.</param>
    /// <param name="cancellationToken">Cancels the work between two iterations.</param>
    /// <returns>The refined mask; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">A parameter is out of its range, or the image needs too much
    /// memory.</exception>
    public ValueTask<Mask> RefineAsync(SegmentationResult result, CrfOverrides crf, CancellationToken cancellationToken)
    {
        CrfSettings settings = _refiner.Resolve(result.Model.Manifest.Postprocess.Crf, crf);
        int classes = result.Model.Postprocessor.Classes;
        return _refiner.RefineAsync(
            result.Mask, classes, result.Image.Pixels, (Confidence: false, Probabilities: false), settings, cancellationToken);
    }

    /// <summary>Does a host's own work in a slot of the processor: reading and writing forms of requests that the
    /// runtime does not know.</summary>
    /// <param name="admitted">The admitted request, whose token should cancel long work.</param>
    /// <param name="stage">The stage that the time counts for.</param>
    /// <param name="work">The work.</param>
    /// <returns>The work's result.</returns>
    /// <exception cref="SegmentationException">The work failed, or the request's time is up.</exception>
    public async ValueTask<T> ComputeAsync<T>(AdmittedRequest admitted, Stage stage, Func<T> work)
    {
        try
        {
            using CpuSlot slot = await _cpu.EnterAsync(admitted).ConfigureAwait(false);
            using StageTimings.Scope timing = admitted.Timings.Measure(stage);
            return work();
        }
        catch (OperationCanceledException) when (admitted.IsLate)
        {
            throw admitted.Late();
        }
    }

    /// <summary>Makes the network's input of one image, for a caller that wants the network's own output.</summary>
    /// <param name="admitted">The admitted request.</param>
    /// <param name="image">The encoded image.</param>
    /// <param name="passes">How the network sees the image; null: as the model's manifest says.</param>
    /// <returns>The input of one image; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The image cannot be decoded, the passes are several, or the time
    /// is up.</exception>
    internal async ValueTask<InputTensor> PrepareAsync(
        AdmittedRequest admitted, ReadOnlyMemory<byte> image, PassSettings? passes = null)
    {
        admitted.Model.CheckTakesImages();
        using PipelineContext context = new(admitted, new SegmentationRequest { Image = image })
        {
            Origin = MaskOrigin.Of(admitted.Model),
            Passes = passes ?? admitted.Model.Passes,
        };
        await _pipeline.ToInputAsync(context).ConfigureAwait(false);
        if (context.Plan.IsOne)
        {
            return context.TakeInput();
        }

        throw new SegmentationException(
            SegmentationError.InvalidRequest,
            $"The model '{admitted.Model.Name}' runs an image in several passes, so its network has no single " +
            "output. Request a mask instead.");
    }

    /// <summary>Checks the parameters of a request with scores of its own, before its body is read.</summary>
    /// <returns>Names and colours of the classes; null where the request numbers them.</returns>
    /// <exception cref="SegmentationException">A parameter is out of its range, or there are no such classes.</exception>
    public ClassTable? CheckGiven(SegmentSettings settings)
    {
        _refiner.ResolveGiven(kernels: null, settings.Crf);
        if (!settings.Format.NeedsMask)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, $"format: expected a format of masks, got {settings.Format.Name}, which has none.");
        }

        if (settings.Given.Classes is not { } name)
        {
            return null;
        }

        ClassTable classes = ClassesOf(name);
        settings.Format.Encoder.Check(classes, overlap: false, settings.Options);
        return classes;
    }

    /// <summary>Checks the size of scores against the limits, and claims memory for them before they are read.</summary>
    /// <param name="admitted">The admitted request.</param>
    /// <param name="settings">The request's parameters.</param>
    /// <param name="size">Width and height of a plane.</param>
    /// <param name="planes">Number of planes.</param>
    /// <exception cref="SegmentationException">The scores are too large, or the server has no room for them.</exception>
    public void HoldGiven(AdmittedRequest admitted, SegmentSettings settings, ImageSize size, int planes)
    {
        long bytes = GivenScores.Bytes(size, planes);
        _policy.CheckScores(bytes, size, GivenScores.ClassesOf(planes));
        _refiner.Check(size, GivenScores.ClassesOf(planes), _refiner.ResolveGiven(kernels: null, settings.Crf));
        admitted.HoldPixels(size.Pixels, bytes);
    }

    private ClassTable ClassesOf(string name)
    {
        if (ClassSets.TryGet(name, out _))
        {
            return ClassTable.Create(new ClassesManifest { Dataset = name });
        }

        if (_models.Find(name) is null)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"classes: expected {string.Join(", ", ClassSets.All.Select(set => set.Id))} or the name of a model, got '{name}'.");
        }

        using ModelLease lease = _models.Lease(name);
        return lease.Model.Classes;
    }

    private PipelineContext ResolveGiven(AdmittedRequest admitted, SegmentationRequest request, GivenScores scores)
    {
        SegmentSettings settings = request.Settings;
        ClassTable classes = CheckGiven(settings) ?? ClassTable.Numbered(scores.Classes);
        if (classes.Names.Count != scores.Classes)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"classes: expected {scores.Classes} classes, as the scores have, got {classes.Names.Count} of " +
                $"'{settings.Given.Classes}'.");
        }

        settings.Format.Encoder.Check(classes, overlap: false, settings.Options);
        return new PipelineContext(admitted, request)
        {
            Origin = MaskOrigin.Of(scores, classes),
            Crf = _refiner.ResolveGiven(request.Kernels, settings.Crf) with { FromEnergies = scores.AreEnergies },
            WithConfidence = settings.NeedsConfidence || settings.Format.UsesConfidence,
            WithProbabilities = settings.Format.NeedsProbabilities,
        };
    }

    // The decoder pins an array.
    private static ReadOnlyMemory<byte> InArray(ReadOnlyMemory<byte> file) =>
        MemoryMarshal.TryGetArray(file, out _) ? file : file.ToArray();

    private PipelineContext Resolve(AdmittedRequest admitted, SegmentationRequest request)
    {
        if (request.Scores is { } scores)
        {
            return ResolveGiven(admitted, request, scores);
        }

        LoadedModel model = admitted.Model;
        model.CheckTakesImages();
        SegmentSettings settings = request.Settings;
        bool encodes = request.Output is not null;
        bool hasScores = model.Postprocessor.HasScores;
        bool usesConfidence = settings.NeedsConfidence || (settings.Format.UsesConfidence && hasScores);
        bool overlaps = settings.Format.UsesPlanes && model.Postprocessor.IsMultilabel;
        bool scoresOverlap = overlaps && settings.Format.UsesConfidence;
        CrfManifest? crf = model.Manifest.Postprocess.Crf;
        PipelineContext context = new(admitted, request)
        {
            Origin = MaskOrigin.Of(model),
            Passes = _policy.Resolve(model.Manifest, model.Passes, settings.Passes),
            Crf = settings.Refine ?? crf?.Default ?? false ? _refiner.Resolve(crf, settings.Crf) : null,
            WithConfidence = request.WithConfidence || (encodes && usesConfidence),
            WithProbabilities = request.WithProbabilities || (encodes && (settings.Format.NeedsProbabilities || scoresOverlap)),
            WithClaims = encodes && overlaps,
        };
        if (!hasScores && (context.WithConfidence || context.WithProbabilities || context.Crf is not null))
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"The graph of '{model.Name}' ends in labels: it has no confidence or probabilities, and nothing that a CRF could " +
                "refine. Request a format of labels, for instance png or masks.");
        }

        if (settings.Resolution is not null && model.Manifest.Preprocess.Resolution is null)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"resolution: expected a model with preprocess.resolution; the manifest of '{model.Name}' has none. Leave it out.");
        }

        if (!settings.Format.TakesBackground && !settings.Options.BackgroundImage.IsEmpty)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"background: expected an image behind a cutout only, got one with format={settings.Format}. Request " +
                "format=cutout, or leave the part out.");
        }

        if (encodes)
        {
            settings.Format.Encoder.Check(model.Classes, model.Postprocessor.IsMultilabel, settings.Options);
        }

        string? obstacle = CrfManifest.Obstacle(model.Manifest.Graph.OutputKind, model.Postprocessor.Classes);
        if (context.Crf is not null && obstacle is not null)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, $"The masks of '{model.Name}' cannot be refined: {obstacle}. Leave refine out.");
        }

        if (context.WithProbabilities && context.Crf is not null)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                "Probabilities are those of the network, before refinement. Request either probabilities or " +
                "refinement.");
        }

        return context;
    }
}
