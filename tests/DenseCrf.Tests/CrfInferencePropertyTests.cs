namespace DenseCrf.Tests;

/// <summary>Properties that follow from the mathematics for every image.</summary>
public sealed class CrfInferencePropertyTests
{
    public static TheoryData<int> LabelCounts => [1, 2, 7, 8, 9, 16, 17, 24, 25, 32, 33, 150, 256];

    [Theory, MemberData(nameof(LabelCounts))]
    public void Refine_UniformUnary_StaysUniform(int labels)
    {
        RandomScene scene = new(1, 17, 9, labels);
        scene.Energies.AsSpan().Fill(1.5f);

        float[] marginals = scene.Refine(new() { Kernels = RandomScene.Kernels, Iterations = 3 });

        Assert.All(marginals, q => Assert.Equal(1f / labels, q, 2e-6f));
    }

    [Theory, MemberData(nameof(LabelCounts))]
    public void Refine_ZeroWeights_IsSoftmax(int labels)
    {
        RandomScene scene = new(2, 13, 11, labels);
        CrfKernel[] kernels = [CrfKernel.Gaussian(0, 3), CrfKernel.Bilateral(0, 20, 10)];

        CrfAssert.Equal(scene.Softmax(), scene.Refine(new() { Kernels = kernels, Iterations = 2 }), 2e-6f);
    }

    [Theory, MemberData(nameof(LabelCounts))]
    public void Refine_NoIteration_IsSoftmax(int labels)
    {
        RandomScene scene = new(3, 19, 5, labels);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 0, Threads = 2 };
        CrfAssert.Equal(scene.Softmax(), scene.Refine(parameters), 2e-6f);
    }

    [Fact]
    public void Refine_ConstantAddedToAPixel_ChangesNothing()
    {
        RandomScene scene = new(4, 20, 20, 5), shifted = new(4, 20, 20, 5);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 4 };
        for (int i = 0; i < shifted.Energies.Length; i++)
        {
            shifted.Energies[i] += (i % 400 % 7) - 3;
        }

        CrfAssert.Equal(scene.Refine(parameters), shifted.Refine(parameters), 1e-4f);
    }

    [Fact]
    public void Refine_LabelsPermuted_PermutesTheResult()
    {
        RandomScene scene = new(5, 21, 14, 6), reversed = new(5, 21, 14, 6);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 4 };
        reversed.Energies = Reversed(scene.Energies, 6);

        CrfAssert.Equal(Reversed(scene.Refine(parameters), 6), reversed.Refine(parameters), 1e-4f);
    }

    [Fact]
    public void Refine_OnePixel_IsTheFixedPointFormula()
    {
        RandomScene scene = new(6, 1, 1, 4);
        double[] q = [.. scene.Softmax().Select(p => (double)p)];
        for (int t = 0; t < 5; t++)
        {
            double[] exponents = [.. q.Select((p, l) => Math.Exp((8 * p) - scene.Energies[l]))];
            q = [.. exponents.Select(e => e / exponents.Sum())];
        }

        float[] marginals = scene.Refine(new() { Kernels = RandomScene.Kernels, Iterations = 5 });
        CrfAssert.Equal(q.Select(p => (float)p).ToArray(), marginals, 1e-5f);
    }

    [Fact]
    public void Refine_ExtremeEnergies_StaysFinite()
    {
        RandomScene scene = new(7, 16, 16, 5);
        for (int i = 0; i < scene.Energies.Length; i++)
        {
            scene.Energies[i] *= 1e4f;
        }

        CrfKernel repelling = CrfKernel.Gaussian(-200, 3) with { Normalization = CrfNormalization.None };
        float[] marginals = scene.Refine(new() { Kernels = [repelling], Iterations = 4 });

        Assert.All(marginals, q => Assert.InRange(q, 0, 1));
        for (int i = 0; i < 256; i++)
        {
            Assert.Equal(1, Enumerable.Range(0, 5).Sum(l => marginals[(l * 256) + i]), 1e-5f);
        }
    }

    private static float[] Reversed(float[] planes, int labels) => [.. planes.Chunk(planes.Length / labels).Reverse().SelectMany(p => p)];
}
