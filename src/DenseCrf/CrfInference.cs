using DenseCrf.MeanField;
using DenseCrf.Threading;

namespace DenseCrf;

/// <summary>Refines class probabilities with a fully connected CRF, by mean-field inference.</summary>
/// <remarks>
/// <para>Krähenbühl and Koltun, NIPS 2011, algorithm 1; filtered on the permutohedral lattice of Adams et al., 2010.
/// Marginals are within 10⁻⁴ of the reference implementation's, on average within 10⁻⁶.</para>
/// <para>The same input and number of threads give the same bits. Another number of threads changes the order of sums,
/// and marginals by about 10⁻⁵ where labels meet.</para>
/// <para>Pixels of which one label has all but 2·10⁻⁵ of the probability are computed in every fifth iteration and in the
/// last. A workspace keeps the lattice of its last image, so that another call on it is faster.</para>
/// <para>After the first call with a workspace nothing large is allocated, and nothing at all in an iteration.</para>
/// </remarks>
public static class CrfInference
{
    /// <summary>The largest number of labels.</summary>
    public const int MaxLabels = 256;

    /// <summary>The largest number of mean-field iterations.</summary>
    public const int MaxIterations = 50;

    /// <summary>The largest number of pairwise kernels.</summary>
    public const int MaxKernels = 4;

    /// <summary>The largest number of threads.</summary>
    public const int MaxThreads = 64;

    /// <summary>Computes the refined marginals of an image.</summary>
    /// <param name="input">The image and the scores of its labels.</param>
    /// <param name="parameters">Kernels, iterations and threads.</param>
    /// <param name="workspace">Memory for the call; no other call may use it at the same time.</param>
    /// <param name="marginals">
    /// CHW, each pixel summing to 1; overwritten whole. May be the buffer of the input's scores.
    /// </param>
    /// <param name="times">Receives the time of each stage; null: not measured.</param>
    /// <param name="cancellationToken">Observed between iterations.</param>
    /// <exception cref="ArgumentException">
    /// Buffers do not fit the size, parameters are out of range, deviations are so small that lattice coordinates
    /// overflow, a score is NaN or infinite, or the image needs more memory than the workspace may hold.
    /// </exception>
    /// <exception cref="OperationCanceledException">
    /// Cancelled; <paramref name="marginals"/> is untouched or overwritten whole.
    /// </exception>
    public static unsafe void Refine(
        CrfInput input, CrfParameters parameters, CrfWorkspace workspace, Span<float> marginals, CrfStageTimes? times = null,
        CancellationToken cancellationToken = default)
    {
        Check(input, parameters, workspace);
        input.Size.ThrowIfLengthDiffers(marginals.Length, input.Labels, nameof(marginals));
        fixed (float* unary = input.Unary, result = marginals)
        fixed (byte* rgb = input.Rgb)
        {
            CrfCall call = new(input, unary, rgb, parameters, workspace) { Marginals = result, Times = times };
            Run(call, cancellationToken);
        }
    }

    /// <summary>Computes the label map of the refined marginals, without writing the marginals.</summary>
    /// <param name="input">The image and the scores of its labels.</param>
    /// <param name="parameters">Kernels, iterations and threads.</param>
    /// <param name="workspace">Memory for the call; no other call may use it at the same time.</param>
    /// <param name="labelMap">
    /// HW: the likeliest label of each pixel, on a tie the lower label; overwritten whole.
    /// </param>
    /// <param name="times">Receives the time of each stage; null: not measured.</param>
    /// <param name="cancellationToken">Observed between iterations.</param>
    /// <exception cref="ArgumentException">As for <see cref="Refine"/>.</exception>
    /// <exception cref="OperationCanceledException">
    /// Cancelled; <paramref name="labelMap"/> is untouched or overwritten whole.
    /// </exception>
    public static unsafe void Label(
        CrfInput input, CrfParameters parameters, CrfWorkspace workspace, Span<byte> labelMap, CrfStageTimes? times = null,
        CancellationToken cancellationToken = default)
    {
        Check(input, parameters, workspace);
        input.Size.ThrowIfLengthDiffers(labelMap.Length, 1, nameof(labelMap));
        fixed (float* unary = input.Unary)
        fixed (byte* rgb = input.Rgb, result = labelMap)
        {
            CrfCall call = new(input, unary, rgb, parameters, workspace) { LabelMap = result, Times = times };
            Run(call, cancellationToken);
        }
    }

    /// <summary>Bounds the memory that a call takes, before any memory is taken.</summary>
    /// <param name="width">Width of the image, in pixels.</param>
    /// <param name="height">Height of the image, in pixels.</param>
    /// <param name="labels">Number of labels, 1 to 256.</param>
    /// <param name="parameters">Parameters of the call.</param>
    /// <param name="verticesPerPixel">
    /// Vertices of the largest lattice for each pixel, if known: 0.05 to 0.3 for natural images at deviations of 80
    /// pixels and 13 colour steps, 0.6 to 3.4 at 67 and 3. Null: the worst case, which is 6 with colour and many times
    /// what a natural image needs. The lattice of a kernel without colour follows from the size.
    /// </param>
    /// <returns>Bytes.</returns>
    /// <exception cref="ArgumentException">
    /// Parameters are out of range, or deviations are so small for the size that lattice coordinates overflow.
    /// </exception>
    public static long EstimateBytes(int width, int height, int labels, CrfParameters parameters, double? verticesPerPixel = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentNullException.ThrowIfNull(parameters);
        parameters.Check(labels);
        return CrfMemory.Estimate(new ImageSize(width, height), labels, parameters, verticesPerPixel);
    }

    /// <summary>The memory that a call takes at least: one whose workspace may hold less is certain to fail.</summary>
    /// <param name="width">Width of the image, in pixels.</param>
    /// <param name="height">Height of the image, in pixels.</param>
    /// <param name="labels">Number of labels, 1 to 256.</param>
    /// <param name="parameters">Parameters of the call.</param>
    /// <param name="rgb">
    /// The image: HWC, 0 to 255. Its colours decide how many vertices a lattice with colour has. They are counted on the
    /// caller's thread, in less than a tenth of the time of a refinement. Empty: what any image of this size needs.
    /// </param>
    /// <param name="enough">The number of bytes that the caller asks about: beyond it the count ends early.</param>
    /// <param name="cancellationToken">Ends the count.</param>
    /// <returns>Bytes: never more than the call takes, and with the image usually four fifths of it or more.</returns>
    /// <exception cref="ArgumentException">
    /// Parameters are out of range, the image does not fit the size, or deviations are so small for the size that lattice
    /// coordinates overflow.
    /// </exception>
    public static unsafe long LeastBytes(
        int width, int height, int labels, CrfParameters parameters, ReadOnlySpan<byte> rgb = default, long enough = long.MaxValue,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentNullException.ThrowIfNull(parameters);
        parameters.Check(labels);
        ImageSize size = new(width, height);
        if (!rgb.IsEmpty)
        {
            size.ThrowIfLengthDiffers(rgb.Length, 3, nameof(rgb));
        }

        fixed (byte* pixels = rgb)
        {
            return CrfMemory.Least(size, labels, parameters, pixels, enough, cancellationToken);
        }
    }

    private static void Check(CrfInput input, CrfParameters parameters, CrfWorkspace workspace)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(workspace);
        parameters.Check(input.Labels);
    }

    private static void Run(in CrfCall call, CancellationToken cancellationToken)
    {
        call.Workspace.Enter();
        try
        {
            using CrfTeam team = new(call.Parameters.Threads);
            new MeanFieldInference(call, team).Run(cancellationToken);
        }
        finally
        {
            call.Workspace.Leave();
        }
    }
}
