using BenchmarkDotNet.Attributes;
using DenseCrf;
using DenseCrf.Tests.Reference;

namespace InferenceServer.Benchmarks.Crf;

/// <summary>Whole calls on warm memory, the lattice included; the scalar oracle is the baseline.</summary>
[MemoryDiagnoser]
public class CrfInferenceBenchmarks
{
    private static readonly CrfWorkspace Workspace = new(8L << 30);
    private float[] _marginals = [];

    [ParamsSource(nameof(Scenes))]
    public CrfScene Scene { get; set; } = null!;

    public static IEnumerable<CrfScene> Scenes => [CrfScene.C04, CrfScene.C05, CrfScene.Large];

    [GlobalSetup]
    public void Setup() => _marginals = new float[Scene.Energies.Length];

    [GlobalCleanup]
    public void Cleanup() => Workspace.Dispose();

    [Benchmark(Baseline = true)]
    public float[] Scalar() =>
        new CrfReference(Scene.Energies, Scene.Rgb, Scene.Size.Width, Scene.Size.Height, Scene.Kernels).Run(Scene.Iterations);

    [Benchmark]
    public void OneThread() => Refine(Scene.Parameters(1));

    [Benchmark]
    public void TwoThreads() => Refine(Scene.Parameters(2));

    [Benchmark]
    public void TwoThreadsPruned() => Refine(Scene.Parameters(2, pruneBelow: 1e-3f));

    [Benchmark]
    public void TwoThreadsFast() => Refine(Scene.Parameters(2, quality: CrfQuality.Fast));

    private void Refine(CrfParameters parameters)
    {
        Scene.Recolor();
        CrfInference.Refine(Scene.Input, parameters, Workspace, _marginals);
    }
}
