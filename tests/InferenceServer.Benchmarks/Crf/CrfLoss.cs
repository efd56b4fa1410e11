using System.Globalization;
using DenseCrf;
using DenseCrf.Tests;
using InferenceServer.Kernels.Labels;

namespace InferenceServer.Benchmarks.Crf;

/// <summary>Prints what pruning and the fast quality change: mean IoU on the test scenes, and marginals.</summary>
internal static class CrfLoss
{
    public static void Run()
    {
        Console.WriteLine(
            "| scene | mIoU unary | exact | pruned 1e-3 | pruned 1e-2 | fast | max dQ 1e-3 | mean | max dQ 1e-2 | " +
            "max dQ fast | mean | labels changed 1e-3 | fast |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (string name in CrfCase.Names)
        {
            CrfCase scene = new(name);
            if (scene.Truth.Length == 0)
            {
                continue;
            }

            int iterations = Math.Min(scene.Iterations[^1], 10);
            float[] unary = Refine(scene, 0, 0, CrfQuality.Exact), exact = Refine(scene, iterations, 0, CrfQuality.Exact);
            float[] thousandth = Refine(
                scene,
                iterations,
                1e-3f,
                CrfQuality.Exact), hundredth = Refine(scene, iterations, 1e-2f, CrfQuality.Exact);
            float[] fast = Refine(scene, iterations, 0, CrfQuality.Fast);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {name} | {MeanIoU(scene, unary):F4} | {MeanIoU(scene, exact):F4} | {MeanIoU(scene, thousandth):F4} " +
                $"| {MeanIoU(scene, hundredth):F4} | {MeanIoU(scene, fast):F4} | {Largest(exact, thousandth):E1} " +
                $"| {Mean(exact, thousandth):E1} | {Largest(exact, hundredth):E1} | {Largest(exact, fast):E1} " +
                $"| {Mean(exact, fast):E1} | {Changes(scene, exact, thousandth)} | {Changes(scene, exact, fast)} |"));
        }
    }

    private static float[] Refine(CrfCase scene, int iterations, float pruneBelow, CrfQuality quality)
    {
        using CrfWorkspace workspace = new(8L << 30);
        float[] marginals = new float[scene.Energies.Length];
        CrfParameters parameters = new() { Kernels = scene.Kernels, Iterations = iterations, PruneBelow = pruneBelow, Quality = quality };
        CrfInference.Refine(scene.Input, parameters, workspace, marginals);
        return marginals;
    }

    private static double MeanIoU(CrfCase scene, float[] marginals) => scene.MeanIoU(Labels(scene, marginals));

    private static byte[] Labels(CrfCase scene, float[] marginals)
    {
        byte[] labels = new byte[scene.Pixels];
        ArgMax.Compute(marginals, scene.Labels, labels);
        return labels;
    }

    private static int Changes(CrfCase scene, float[] a, float[] b) =>
        Labels(scene, a).Zip(Labels(scene, b)).Count(p => p.First != p.Second);

    private static float Largest(float[] a, float[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();

    private static double Mean(float[] a, float[] b) => a.Zip(b, (x, y) => (double)Math.Abs(x - y)).Average();
}
