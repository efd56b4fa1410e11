using InferenceServer.Kernels.Crf;

namespace InferenceServer.Kernels.Tests.Crf;

public sealed class DenseCrfTests
{
    private const long Plenty = 4L << 30;

    public static TheoryData<string, int> CasesAndThreads
    {
        get
        {
            TheoryData<string, int> data = [];
            foreach (string name in CrfCase.Names)
            {
                data.Add(name, 1);
                data.Add(name, 2);
            }

            return data;
        }
    }

    [Theory, MemberData(nameof(CasesAndThreads))]
    public void Refine_Case_MatchesTheReferenceImplementation(string name, int threads)
    {
        CrfCase scene = new(name);
        using CrfWorkspace workspace = new(Plenty);
        float[] marginals = new float[scene.Energies.Length];
        foreach (int iterations in scene.Iterations)
        {
            DenseCrfParameters parameters = new() { Kernels = scene.Kernels, Iterations = iterations, Threads = threads };
            DenseCrf.Refine(scene.Energies, CrfUnary.Energies, scene.Rgb, scene.Size, scene.Labels, parameters, workspace, marginals);
            CrfAssert.Matches(scene, iterations, marginals);
        }
    }
}
