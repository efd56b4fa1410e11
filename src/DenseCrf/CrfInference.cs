using DenseCrf.MeanField;
using DenseCrf.Threading;
using InferenceServer.Kernels;

namespace DenseCrf;

/// <summary>Refines class probabilities with a fully connected CRF, by mean-field inference.</summary>
/// <remarks>
/// <para>Krähenbühl and Koltun, NIPS 2011, algorithm 1; filtered on the permutohedral lattice of Adams et al., 2010. Marginals are
/// within 10⁻⁴ of the reference implementation's, on average within 10⁻⁶.</para>
/// <para>The same input and number of threads give the same bits; another number of threads changes the order of sums, and
/// marginals by about 10⁻⁵ where labels meet.</para>
/// <para>After the first call with a workspace nothing large is allocated, and nothing at all in an iteration.</para>
/// </remarks>
public static class CrfInference
{
    /// <summary>Labels at most.</summary>
    public const int MaxLabels = 256;

    /// <summary>Iterations at most.</summary>
    public const int MaxIterations = 50;

    /// <summary>Kernels at most.</summary>
    public const int MaxKernels = 4;

    /// <summary>Threads at most.</summary>
    public const int MaxThreads = 64;

    /// <summary>Refined marginals.</summary>
    /// <param name="unary">CHW, finite.</param>
    /// <param name="kind">What <paramref name="unary"/> holds.</param>
    /// <param name="rgb">The image that guides the edges: HWC, 0 to 255.</param>
    /// <param name="size">Of the image and of each plane.</param>
    /// <param name="labels">Planes, 1 to 256.</param>
    /// <param name="parameters">Kernels, iterations, threads.</param>
    /// <param name="workspace">Memory for the call; not used by another one meanwhile.</param>
    /// <param name="marginals">CHW, each pixel summing to 1; overwritten whole. May be <paramref name="unary"/> itself.</param>
    /// <param name="times">Gets the time of each stage; null: not wanted.</param>
    /// <param name="cancellationToken">Heard between iterations.</param>
    /// <exception cref="ArgumentException">
    /// Buffers do not fit the size, parameters are out of range, deviations are so small that lattice coordinates overflow, a unary is
    /// NaN or infinite, or the workspace may not hold what the image needs.
    /// </exception>
    /// <exception cref="OperationCanceledException">Cancelled; <paramref name="marginals"/> is untouched or overwritten whole.</exception>
    public static unsafe void Refine(
        ReadOnlySpan<float> unary, CrfUnary kind, ReadOnlySpan<byte> rgb, ImageSize size, int labels, CrfParameters parameters,
        CrfWorkspace workspace, Span<float> marginals, CrfStageTimes? times = null, CancellationToken cancellationToken = default)
    {
        Check(unary, kind, rgb, size, labels, parameters, workspace);
        Fits(marginals.Length, size.Pixels * labels, nameof(marginals));
        fixed (float* planes = unary, result = marginals)
        fixed (byte* image = rgb)
        {
            Run(new CrfCall
            {
                Parameters = parameters,
                Workspace = workspace,
                Size = size,
                Labels = labels,
                Kind = kind,
                Unary = planes,
                Rgb = image,
                Marginals = result,
                Times = times,
            }, cancellationToken);
        }
    }

    /// <summary>The label map of the refined marginals, which are not written out.</summary>
    /// <param name="unary">CHW, finite.</param>
    /// <param name="kind">What <paramref name="unary"/> holds.</param>
    /// <param name="rgb">The image that guides the edges: HWC, 0 to 255.</param>
    /// <param name="size">Of the image and of each plane.</param>
    /// <param name="labels">Planes, 1 to 256.</param>
    /// <param name="parameters">Kernels, iterations, threads.</param>
    /// <param name="workspace">Memory for the call; not used by another one meanwhile.</param>
    /// <param name="labelMap">HW: the likeliest label, of equals the lower one; overwritten whole.</param>
    /// <param name="times">Gets the time of each stage; null: not wanted.</param>
    /// <param name="cancellationToken">Heard between iterations.</param>
    /// <exception cref="ArgumentException">As for <see cref="Refine"/>.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; <paramref name="labelMap"/> is untouched or overwritten whole.</exception>
    public static unsafe void Label(
        ReadOnlySpan<float> unary, CrfUnary kind, ReadOnlySpan<byte> rgb, ImageSize size, int labels, CrfParameters parameters,
        CrfWorkspace workspace, Span<byte> labelMap, CrfStageTimes? times = null, CancellationToken cancellationToken = default)
    {
        Check(unary, kind, rgb, size, labels, parameters, workspace);
        Fits(labelMap.Length, size.Pixels, nameof(labelMap));
        fixed (float* planes = unary)
        fixed (byte* image = rgb, result = labelMap)
        {
            Run(new CrfCall
            {
                Parameters = parameters,
                Workspace = workspace,
                Size = size,
                Labels = labels,
                Kind = kind,
                Unary = planes,
                Rgb = image,
                LabelMap = result,
                Times = times,
            }, cancellationToken);
        }
    }

    /// <summary>Memory that a call takes at most, before any is taken.</summary>
    /// <param name="size">Of the image.</param>
    /// <param name="labels">Planes.</param>
    /// <param name="parameters">Of the call.</param>
    /// <param name="verticesPerPixel">
    /// Size of the largest lattice, if it is known: 0.05 to 0.3 on photographs at 80/13, 0.6 to 3.4 at 67/3. Null: whatever the image
    /// may be, which is 6 with colour and many times what a photograph needs.
    /// </param>
    /// <returns>Bytes.</returns>
    /// <exception cref="ArgumentException">Parameters are out of range.</exception>
    public static long EstimateBytes(ImageSize size, int labels, CrfParameters parameters, double? verticesPerPixel = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        parameters.Check(labels);
        return CrfMemory.Estimate(size, labels, parameters, verticesPerPixel);
    }

    private static unsafe void Run(in CrfCall call, CancellationToken cancellationToken)
    {
        call.Workspace.Enter();
        try
        {
            using CrfTeam team = new(call.Parameters.Threads);
            new MeanFieldInference(call, team).Run(call.Rgb, cancellationToken);
        }
        finally
        {
            call.Workspace.Leave();
        }
    }

    private static void Check(
        ReadOnlySpan<float> unary, CrfUnary kind, ReadOnlySpan<byte> rgb, ImageSize size, int labels,
        CrfParameters parameters, CrfWorkspace workspace)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(workspace);
        ArgumentOutOfRangeException.ThrowIfLessThan(size.Width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(size.Height, 1);
        parameters.Check(labels);
        Fits(unary.Length, size.Pixels * labels, nameof(unary));
        Fits(rgb.Length, size.Pixels * 3, nameof(rgb));
        if (!Enum.IsDefined(kind))
        {
            throw new ArgumentException($"{kind} is no kind of unary.");
        }
    }

    private static void Fits(int length, long expected, string name)
    {
        if (length != expected)
        {
            throw new ArgumentException($"The image needs {expected} values, not {length}.", name);
        }
    }
}
