using DenseCrf;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Labels;
using InferenceServer.Kernels.Upsampling;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Refinement;

/// <summary>Refines masks with a fully connected CRF, on a bounded pool of its own, so that refinement never starves
/// inference.</summary>
internal sealed class CrfRefiner(IOptions<CrfOptions> options, KeptLattices? kept = null) : IDisposable
{
    private const float SmallestDeviation = 0.1f;
    private readonly CrfOptions _options = options.Value;
    private readonly SemaphoreSlim _slots = new(options.Value.Concurrency);
    private readonly CrfWorkspacePool _workspaces = new(options.Value.Concurrency, options.Value.MaxBytes);

    /// <summary>Resolves the parameters of a request and checks them against the limits.</summary>
    /// <exception cref="SegmentationException">A parameter is outside its configured range; the message names
    /// both.</exception>
    public CrfSettings Resolve(CrfManifest? manifest, CrfOverrides wanted)
    {
        CrfSettings settings = CrfSettings.Create(manifest, wanted);
        Within("crf.iterations", settings.Iterations, 0, _options.MaxIterations);
        Within("crf.gaussian.weight", settings.Gaussian.Weight, 0, _options.MaxWeight);
        Within("crf.gaussian.xy", settings.Gaussian.Xy, SmallestDeviation, _options.MaxDeviation);
        Within("crf.bilateral.weight", settings.Bilateral.Weight, 0, _options.MaxWeight);
        Within("crf.bilateral.xy", settings.Bilateral.Xy, SmallestDeviation, _options.MaxDeviation);
        Within("crf.bilateral.rgb", settings.Bilateral.Rgb!.Value, SmallestDeviation, _options.MaxDeviation);
        if (settings.Kernels().Count > 0)
        {
            return settings;
        }

        throw new SegmentationException(
            SegmentationError.InvalidRequest,
            "crf.gaussian.weight, crf.bilateral.weight: expected one above 0, got 0 for both. " +
            "Without a kernel there is nothing to refine.");
    }

    /// <summary>Resolves the parameters of a request with kernels of its own.</summary>
    /// <param name="kernels">The kernels; null takes the two that requests usually have.</param>
    /// <param name="wanted">The other parameters.</param>
    /// <exception cref="SegmentationException">A parameter is outside its configured range, or one of the two kernels is
    /// given beside those of the request.</exception>
    public CrfSettings ResolveGiven(IReadOnlyList<CrfKernel>? kernels, CrfOverrides wanted)
    {
        CrfSettings settings = Resolve(manifest: null, wanted);
        if (kernels is null)
        {
            return settings;
        }

        if (wanted.HasKernels)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                "kernels: expected no parameters of the two usual kernels beside kernels, which replace them. Leave out one of the two.");
        }

        for (int i = 0; i < kernels.Count; i++)
        {
            CrfKernel kernel = kernels[i];
            Within($"kernels[{i}].sx", kernel.Sx, SmallestDeviation, _options.MaxDeviation);
            Within($"kernels[{i}].sy", kernel.Sy, SmallestDeviation, _options.MaxDeviation);
            foreach (float deviation in kernel.Rgb is { } rgb ? (float[])[rgb.R, rgb.G, rgb.B] : [])
            {
                Within($"kernels[{i}].srgb", deviation, SmallestDeviation, _options.MaxDeviation);
            }

            foreach (float value in kernel.Compatibility.Values)
            {
                Within($"kernels[{i}].compatibility", value, -_options.MaxWeight, _options.MaxWeight);
            }
        }

        return settings with { OwnKernels = kernels };
    }

    /// <summary>Refuses before the network runs what is certain to need more memory than a refinement may use.</summary>
    /// <param name="size">The image's size.</param>
    /// <param name="classes">Number of planes of the probabilities.</param>
    /// <param name="settings">The result of <see cref="Resolve"/>.</param>
    /// <param name="rgb">The image, HWC, whose colours decide how large the lattice is; empty while only the size is
    /// known.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="SegmentationException">No image of this size, or not this one, can be refined.</exception>
    public void Check(
        ImageSize size, int classes, CrfSettings settings, ReadOnlySpan<byte> rgb = default, CancellationToken cancellationToken = default)
    {
        CrfParameters parameters = Parameters(settings);
        try
        {
            if (!rgb.IsEmpty && CrfInference.EstimateBytes(size.Width, size.Height, classes, parameters) <= _options.MaxBytes)
            {
                return; // whatever the colours are
            }

            long least = CrfInference.LeastBytes(
                size.Width, size.Height, classes, parameters, rgb, _options.MaxBytes, cancellationToken);
            if (least > _options.MaxBytes)
            {
                throw new ArgumentException(
                    $"the refinement needs more memory than the limit of {_options.MaxBytes >> 20} MiB (Crf:MaxBytes). "
                    + "Refine a smaller image, or leave refine out.");
            }
        }
        catch (ArgumentException e)
        {
            throw Unfit(size, classes, e);
        }
    }

    /// <summary>Waits for a slot and refines a mask.</summary>
    /// <param name="mask">The network's mask, with probabilities. Refinement with confidence or probabilities overwrites
    /// the probabilities.</param>
    /// <param name="classes">Number of planes of the probabilities.</param>
    /// <param name="rgb">The image, HWC, of the mask's size.</param>
    /// <param name="wanted">Whether the result has the refined probability of each pixel's class, and of every class. Those
    /// of every class are taken over from the mask.</param>
    /// <param name="settings">The result of <see cref="Resolve"/>.</param>
    /// <param name="cancellationToken">Ends the wait at once, or the refinement between two iterations.</param>
    /// <param name="ticket">Whose lattice is used and kept; null for none.</param>
    /// <returns>The refined mask; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The image needs more memory than a refinement may use.</exception>
    public async ValueTask<Mask> RefineAsync(
        Mask mask, int classes, ReadOnlyMemory<byte> rgb, (bool Confidence, bool Probabilities) wanted, CrfSettings settings,
        CancellationToken cancellationToken, LatticeTicket? ticket = null)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using Owned<Mask> refined = new(new Mask(mask.Size, wanted.Confidence));
            CrfWorkspace? taken = null;
            if (ticket is not null)
            {
                taken = kept?.Take(ticket);
            }

            CrfWorkspace workspace = taken ?? Workspace(ticket);
            bool isDone = false;
            try
            {
                Refine(mask, classes, rgb.Span, refined.Value, wanted.Probabilities, settings, workspace, cancellationToken);
                if (wanted.Probabilities)
                {
                    refined.Value.GiveProbabilities(mask.TakeProbabilities());
                }

                isDone = true;
                return refined.Release();
            }
            finally
            {
                // A caller that gives up, as for the next step of a slider, has the lattice it had.
                bool isWanted = ticket is not null && (isDone || taken is not null);
                if (!isWanted || kept?.TryKeep(workspace, ticket!, taken is not null) is not true)
                {
                    Keep(workspace);
                }
            }
        }
        finally
        {
            _slots.Release();
        }
    }

    /// <summary>Frees the pool; no refinement may be running.</summary>
    public void Dispose()
    {
        _slots.Dispose();
        _workspaces.Dispose();
    }

    private static CrfInput Input(ReadOnlySpan<float> scores, int classes, ReadOnlySpan<byte> rgb, ImageSize size, bool areEnergies)
    {
        if (areEnergies)
        {
            return CrfInput.FromEnergies(scores, rgb, size.Width, size.Height, classes);
        }

        return CrfInput.FromProbabilities(scores, rgb, size.Width, size.Height, classes);
    }

    private void Refine(
        Mask mask, int classes, ReadOnlySpan<byte> rgb, Mask map, bool allScores, CrfSettings settings, CrfWorkspace workspace,
        CancellationToken cancellationToken)
    {
        Span<float> scores = mask.Probabilities.Span;
        CrfParameters parameters = Parameters(settings);
        try
        {
            CrfInput input = Input(scores, classes, rgb, map.Size, settings.FromEnergies);
            if (map.Confidence.IsEmpty && !allScores)
            {
                CrfInference.Label(input, parameters, workspace, map.Labels.Span, times: null, cancellationToken);
                return;
            }

            CrfInference.Refine(input, parameters, workspace, scores, times: null, cancellationToken);
            if (map.Confidence.IsEmpty)
            {
                ArgMax.Compute(scores, classes, map.Labels.Span);
                return;
            }

            AxisTaps rows = Identity(map.Size.Height), columns = Identity(map.Size.Width);
            UpsampledArgMax.Compute(
                scores, classes, map.Size, rows, columns, ScoreKind.Probabilities, map.Labels.Span, map.Confidence.Span);
        }
        catch (ArgumentException e)
        {
            throw Unfit(map.Size, classes, e);
        }
    }

    private static SegmentationException Unfit(ImageSize size, int classes, ArgumentException e) => new(
        SegmentationError.InvalidRequest, $"The image of {size} with {classes} classes cannot be refined: {e.Message}", e);

    private static AxisTaps Identity(int length) => AxisTaps.Create(length, length, length, 0, length, alignCorners: false);

    private static void Within(string key, float value, float least, float most)
    {
        if (!(value >= least && value <= most))
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                FormattableString.Invariant($"{key}: expected {least} to {most}, got {value}."));
        }
    }

    private CrfParameters Parameters(CrfSettings settings) => new()
    {
        Kernels = settings.Kernels(),
        Iterations = settings.Iterations,
        Threads = _options.Threads == 0 ? Math.Min(Environment.ProcessorCount, CrfInference.MaxThreads) : _options.Threads,
        PruneBelow = _options.PruneBelow,
        Quality = settings.Quality,
    };

    // A workspace of the pool has the memory of its largest image, and so may be too large to keep.
    private CrfWorkspace Workspace(LatticeTicket? ticket)
    {
        if (ticket is null)
        {
            return _workspaces.Rent();
        }

        return new CrfWorkspace(_options.MaxBytes);
    }

    // A workspace that once refined a very large image would keep its memory for good.
    private void Keep(CrfWorkspace workspace)
    {
        if (workspace.Bytes <= _options.MaxBytes / 4)
        {
            _workspaces.Return(workspace);
        }
        else
        {
            workspace.Dispose();
        }
    }
}
