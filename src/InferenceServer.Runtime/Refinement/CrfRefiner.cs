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
internal sealed class CrfRefiner(IOptions<CrfOptions> options) : IDisposable
{
    private const float SmallestDeviation = 0.1f;
    private const long Rounding = 16 << 20; // the estimate's small buffers, those of 64 threads included
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
            "crf.gaussian.weight, crf.bilateral.weight: expected one above 0, got 0 for both; " +
            "leave refine out for no refinement.");
    }

    /// <summary>Checks a size before the network runs. An image that passes may still need too much memory, which depends on
    /// its colours.</summary>
    /// <param name="size">The image's size.</param>
    /// <param name="classes">Number of planes of the probabilities.</param>
    /// <param name="settings">The result of <see cref="Resolve"/>.</param>
    /// <exception cref="SegmentationException">No image of this size can be refined.</exception>
    public void Check(ImageSize size, int classes, CrfSettings settings)
    {
        try
        {
            long least = CrfInference.EstimateBytes(size.Width, size.Height, classes, Parameters(settings), verticesPerPixel: 0);
            if (least - Rounding > _options.MaxBytes)
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
    /// <param name="mask">The network's mask, with probabilities. Refinement with confidence overwrites the
    /// probabilities.</param>
    /// <param name="classes">Number of planes of the probabilities.</param>
    /// <param name="rgb">The image, HWC, of the mask's size.</param>
    /// <param name="withConfidence">Whether the result has the refined probability of each pixel's class.</param>
    /// <param name="settings">The result of <see cref="Resolve"/>.</param>
    /// <param name="cancellationToken">Ends the wait at once, or the refinement between two iterations.</param>
    /// <returns>The refined mask; the caller disposes it.</returns>
    /// <exception cref="SegmentationException">The image needs more memory than a refinement may use.</exception>
    public async ValueTask<Mask> RefineAsync(
        Mask mask, int classes, ReadOnlyMemory<byte> rgb, bool withConfidence, CrfSettings settings, CancellationToken cancellationToken)
    {
        await _slots.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using Owned<Mask> refined = new(new Mask(mask.Size, withConfidence));
            CrfWorkspace workspace = _workspaces.Rent();
            try
            {
                Refine(mask.Probabilities.Span, classes, rgb.Span, refined.Value, Parameters(settings), workspace, cancellationToken);
                return refined.Release();
            }
            finally
            {
                Keep(workspace);
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

    private static void Refine(
        Span<float> probabilities, int classes, ReadOnlySpan<byte> rgb, Mask map, CrfParameters parameters,
        CrfWorkspace workspace, CancellationToken cancellationToken)
    {
        try
        {
            CrfInput input = CrfInput.FromProbabilities(probabilities, rgb, map.Size.Width, map.Size.Height, classes);
            if (map.Confidence.IsEmpty)
            {
                CrfInference.Label(input, parameters, workspace, map.Labels.Span, times: null, cancellationToken);
                return;
            }

            CrfInference.Refine(input, parameters, workspace, probabilities, times: null, cancellationToken);
            AxisTaps rows = Identity(map.Size.Height), columns = Identity(map.Size.Width);
            UpsampledArgMax.Compute(
                probabilities, classes, map.Size, rows, columns, ScoreKind.Probabilities, map.Labels.Span,
                map.Confidence.Span);
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
