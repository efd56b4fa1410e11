using DenseCrf.Tests.Reference;

namespace DenseCrf.Tests;

public sealed class CrfInferenceTests
{
    private const long Unlimited = 4L << 30;

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
        using CrfWorkspace workspace = new(Unlimited);
        float[] marginals = new float[scene.Energies.Length];
        foreach (int iterations in scene.Iterations)
        {
            CrfParameters parameters = new() { Kernels = scene.Kernels, Iterations = iterations, Threads = threads };
            CrfInference.Refine(scene.Input, parameters, workspace, marginals);
            CrfAssert.Matches(scene, iterations, marginals);
        }
    }

    public static TheoryData<int> Heights => [.. Enumerable.Range(1, 40)];

    [Theory, MemberData(nameof(Heights))]
    public void Refine_EverySize_MatchesTheOracle(int height)
    {
        using CrfWorkspace workspace = new(Unlimited);
        for (int width = 1; width <= 40; width++)
        {
            RandomScene scene = new((width * 64) + height, width, height, 3);
            float[] marginals = new float[scene.Energies.Length];
            int threads = 1 + (width % 3);
            CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 2, Threads = threads };
            CrfInference.Refine(scene.Input, parameters, workspace, marginals);

            CrfReference reference = new(scene.Energies, scene.Rgb, scene.Width, scene.Height, RandomScene.Kernels);
            CrfAssert.Equal(reference.Run(2), marginals, 2e-5f);
        }
    }

    [Theory]
    [InlineData(1, 1), InlineData(8, 2), InlineData(9, 3), InlineData(17, 2), InlineData(25, 5)]
    [InlineData(16, 2), InlineData(24, 3), InlineData(32, 2), InlineData(40, 2), InlineData(150, 1), InlineData(256, 4)]
    public void Refine_AnyLabelsAndThreads_MatchesTheOracle(int labels, int threads)
    {
        RandomScene scene = new(labels, 37, 29, labels);
        CrfReference reference = new(scene.Energies, scene.Rgb, scene.Width, scene.Height, RandomScene.Kernels);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 3, Threads = threads };
        CrfAssert.Equal(reference.Run(3), scene.Refine(parameters), 2e-5f);
    }

    [Fact]
    public void Refine_Probabilities_AreEnergiesOfTheirLogarithm()
    {
        RandomScene scene = new(8, 30, 20, 5), energies = new(8, 30, 20, 5);
        float[] probabilities = scene.Softmax();
        probabilities[3] = 0;
        energies.Energies = [.. probabilities.Select(p => -MathF.Log(MathF.Max(p, 1e-5f)))];
        CrfInput input = CrfInput.FromProbabilities(probabilities, scene.Rgb, scene.Width, scene.Height, scene.Labels);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 3 };

        CrfAssert.Equal(energies.Refine(parameters), RandomScene.Refine(input, parameters), 1e-5f);
    }

    [Fact]
    public void Refine_InPlace_GivesTheSame()
    {
        RandomScene scene = new(9, 33, 21, 5);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 3, Threads = 2, PruneBelow = 1e-2f };
        float[] expected = scene.Refine(parameters), planes = [.. scene.Energies];
        using CrfWorkspace workspace = new(Unlimited);

        CrfInput input = CrfInput.FromEnergies(planes, scene.Rgb, scene.Width, scene.Height, scene.Labels);
        CrfInference.Refine(input, parameters, workspace, planes);

        Assert.Equal(expected, planes);
    }

    [Fact]
    public void Label_Scene_IsTheArgMaxOfTheMarginals()
    {
        CrfCase scene = new("c02_160x120_L5");
        CrfParameters parameters = new() { Kernels = scene.Kernels, Iterations = 5, Threads = 2 };
        using CrfWorkspace workspace = new(Unlimited);
        float[] marginals = new float[scene.Energies.Length];
        byte[] labels = new byte[scene.Pixels];

        CrfInference.Refine(scene.Input, parameters, workspace, marginals);
        CrfInference.Label(scene.Input, parameters, workspace, labels);

        for (int i = 0; i < labels.Length; i++)
        {
            float[] pixel = [.. Enumerable.Range(0, scene.Labels).Select(label => marginals[(label * scene.Pixels) + i])];
            Assert.Equal(Array.IndexOf(pixel, pixel.Max()), labels[i]);
        }
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(3)]
    public void Refine_Twice_GivesTheSameBits(int threads)
    {
        CrfCase scene = new("c03_213x160_L21_voc");
        CrfParameters parameters = new() { Kernels = scene.Kernels, Iterations = 3, Threads = threads };
        using CrfWorkspace workspace = new(Unlimited);
        float[] first = new float[scene.Energies.Length], second = new float[scene.Energies.Length];

        CrfInference.Refine(scene.Input, parameters, workspace, first);
        CrfInference.Refine(scene.Input, parameters, workspace, second);

        Assert.Equal(first, second);
    }

    [Theory]
    [InlineData("c03_213x160_L21_voc", 1e-3f, 1e-4f)]
    [InlineData("c18_80x60_L33", 1e-3f, 1e-4f)]
    [InlineData("c19_200x150_L21_r101", 1e-2f, 1e-3f)]
    public void Refine_Pruned_StaysWithinTheDocumentedBound(string name, float below, float bound)
    {
        CrfCase scene = new(name);
        CrfParameters exact = new() { Kernels = scene.Kernels, Iterations = 10, Threads = 2 };
        using CrfWorkspace workspace = new(Unlimited);
        float[] expected = new float[scene.Energies.Length], pruned = new float[scene.Energies.Length];

        CrfInference.Refine(scene.Input, exact, workspace, expected);
        CrfInference.Refine(
            scene.Input, exact with { PruneBelow = below }, workspace, pruned);

        CrfAssert.Equal(expected, pruned, bound);
    }

    [Theory]
    [InlineData(40, 3), InlineData(40, 20), InlineData(150, 10), InlineData(24, 3)]
    public void Refine_MostLabelsImpossible_PrunesToTheSameMarginals(int labels, int possible)
    {
        RandomScene scene = new(10, 37, 29, labels);
        scene.Energies.AsSpan(possible * 37 * 29).Fill(13);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 5, Threads = 2 };

        CrfAssert.Equal(scene.Refine(parameters), scene.Refine(parameters with { PruneBelow = 1e-3f }), 1e-4f);
    }

    [Theory]
    [InlineData("c02_160x120_L5"), InlineData("c03_213x160_L21_voc"), InlineData("c04_500x375_L21_demo")]
    [InlineData("c05_500x375_L21_voc"), InlineData("c19_200x150_L21_r101")]
    public void Refine_Fast_KeepsTheLabelsAndTheirQuality(string name)
    {
        CrfCase scene = new(name);
        CrfParameters parameters = new() { Kernels = scene.Kernels, Iterations = 10, Threads = 2, Quality = CrfQuality.Fast };
        using CrfWorkspace workspace = new(Unlimited);
        byte[] fast = new byte[scene.Pixels], exact = scene.LabelMap(10)!;

        CrfInference.Label(scene.Input, parameters, workspace, fast);

        double equal = fast.Zip(exact).Count(pair => pair.First == pair.Second) / (double)fast.Length;
        Assert.InRange(equal, 0.995, 1);
        Assert.InRange(scene.MeanIoU(fast), scene.MeanIoU(exact) - 5e-4, 1);
    }

    [Theory]
    [InlineData(128, 128, 3, 1), InlineData(131, 129, 8, 2), InlineData(1, 16_385, 2, 2), InlineData(16_385, 1, 40, 3)]
    public void Refine_FastAnySize_GivesDistributionsAndTheSameBits(int width, int height, int labels, int threads)
    {
        RandomScene scene = new(18, width, height, labels);
        CrfKernel[] kernels = [CrfKernel.Gaussian(3, 3), CrfKernel.Bilateral(5, 200, 10)];
        CrfParameters parameters = new() { Kernels = kernels, Iterations = 3, Threads = threads, Quality = CrfQuality.Fast };

        float[] marginals = scene.Refine(parameters);

        for (int i = 0; i < width * height; i++)
        {
            float sum = 0;
            for (int label = 0; label < labels; label++)
            {
                sum += marginals[(label * width * height) + i];
            }

            Assert.Equal(1, sum, 1e-5f);
        }

        Assert.Equal(marginals, scene.Refine(parameters));
    }

    [Fact]
    public void Refine_FastUniformUnary_StaysUniform()
    {
        RandomScene scene = new(19, 150, 130, 5);
        scene.Energies.AsSpan().Fill(1.5f);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 3, Quality = CrfQuality.Fast };

        Assert.All(scene.Refine(parameters), q => Assert.Equal(0.2f, q, 2e-6f));
    }

    [Theory]
    [InlineData(CrfQuality.Exact, false), InlineData(CrfQuality.Fast, false)]
    [InlineData(CrfQuality.Exact, true), InlineData(CrfQuality.Fast, true)]
    public void Refine_LatticeOfTheLastCall_GivesTheBitsOfANewOne(CrfQuality quality, bool trims)
    {
        RandomScene scene = new(20, 150, 130, 5), recolored = new(20, 150, 130, 5), other = new(21, 150, 130, 5);
        recolored.Rgb[^1] ^= 64;
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 3, Threads = 2, Quality = quality };
        CrfParameters heavier = parameters with { Kernels = [CrfKernel.Gaussian(1, 3), CrfKernel.Bilateral(9, 20, 10)] };
        CrfParameters wider = parameters with { Kernels = [CrfKernel.Gaussian(1, 4), CrfKernel.Bilateral(9, 20, 11)] };
        CrfParameters oneSided = parameters with
        {
            Kernels = [.. RandomScene.Kernels.Select(kernel => kernel with { Normalization = CrfNormalization.After })],
        };
        using CrfWorkspace workspace = new(Unlimited);
        (RandomScene Scene, CrfParameters Parameters)[] calls =
        [
            (scene, parameters), (scene, parameters), (scene, heavier), (recolored, heavier), (recolored, wider), (other, wider),
            (other, oneSided), (other, parameters), (other, parameters with { Threads = 1 }), (scene, parameters),
        ];
        foreach ((RandomScene image, CrfParameters call) in calls)
        {
            float[] marginals = new float[image.Energies.Length];
            CrfInference.Refine(image.Input, call, workspace, marginals);
            Assert.Equal(image.Refine(call), marginals);
            if (trims)
            {
                long before = workspace.Bytes;
                workspace.Trim();
                Assert.InRange(workspace.Bytes, 1, before - (image.Energies.Length * sizeof(float)));
                Assert.True(workspace.Lattice(0).IsBuilt && workspace.Lattice(1).IsBuilt);
            }
        }
    }

    [Fact]
    public void Refine_WorkspaceOfACallWithSettledPixels_GivesTheBitsOfANewOne()
    {
        // More than 32 labels and kernels without normalisation settle nothing, and may be pruned.
        RandomScene small = new(23, 40, 30, 5), wide = new(24, 150, 130, 40), large = new(25, 200, 180, 5);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 6, Threads = 2, PruneBelow = 0.02f };
        CrfParameters plain = parameters with
        {
            Kernels = [.. RandomScene.Kernels.Select(kernel => kernel with { Normalization = CrfNormalization.None })],
        };
        using CrfWorkspace workspace = new(Unlimited);
        foreach ((RandomScene scene, CrfParameters call) in ((RandomScene, CrfParameters)[])[
            (small, parameters), (wide, parameters), (small, parameters), (large, plain), (small, parameters), (large, parameters)])
        {
            for (int i = 0; i < scene.Energies.Length / 2; i++)
            {
                scene.Energies[i] += 4; // half of the labels become rare
            }

            float[] marginals = new float[scene.Energies.Length];
            CrfInference.Refine(scene.Input, call, workspace, marginals);
            Assert.Equal(scene.Refine(call), marginals);
        }
    }

    /// <summary>Most pixels of this scene are settled after the first iteration, and a boundary moves over some.</summary>
    [Theory]
    [InlineData(1, 1), InlineData(6, 2), InlineData(100, 2), InlineData(-1, 2)]
    public void Refine_SettledPixels_MatchesTheOracle(float weight, int threads)
    {
        RandomScene scene = new(22, 150, 40, 4);
        for (int i = 0; i < scene.Energies.Length; i++)
        {
            int label = i / (150 * 40), x = i % 150;
            scene.Energies[i] = label == x / 60 ? 0 : 11 - Math.Min(10, Math.Abs(x - 60));
        }

        CrfKernel[] kernels = [CrfKernel.Gaussian(weight, 3), CrfKernel.Bilateral(weight, 20, 10)];
        float[] expected = new CrfReference(scene.Energies, scene.Rgb, 150, 40, kernels).Run(12);

        CrfAssert.Equal(expected, scene.Refine(new() { Kernels = kernels, Iterations = 12, Threads = threads }), 1e-3f);
    }

    [Fact]
    public void Refine_Warm_AllocatesLittle()
    {
        RandomScene scene = new(11, 64, 48, 5);
        using CrfWorkspace workspace = new(Unlimited);
        float[] marginals = new float[scene.Energies.Length];
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Iterations = 5 };
        void Refine() => CrfInference.Refine(scene.Input, parameters, workspace, marginals);

        Refine();
        long held = workspace.Bytes, before = GC.GetAllocatedBytesForCurrentThread();
        Refine();

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);
        Assert.Equal(held, workspace.Bytes);
    }

    [Fact]
    public void Refine_Cancelled_Throws()
    {
        RandomScene scene = new(12, 20, 20, 3);
        using CrfWorkspace workspace = new(Unlimited);
        float[] marginals = new float[scene.Energies.Length];
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Threads = 2 };

        Assert.Throws<OperationCanceledException>(() => CrfInference.Refine(
            scene.Input, parameters, workspace, marginals,
            cancellationToken: new CancellationToken(canceled: true)));
        CrfInference.Refine(scene.Input, parameters, workspace, marginals);
    }

    [Theory]
    [InlineData(float.NaN), InlineData(float.PositiveInfinity), InlineData(float.NegativeInfinity)]
    public void Refine_UnaryNotFinite_Throws(float value)
    {
        RandomScene scene = new(13, 9, 7, 3);
        scene.Energies[^1] = value;
        Assert.Throws<ArgumentException>(() => scene.Refine(new() { Kernels = RandomScene.Kernels }));
    }

    public static TheoryData<float, float, float> Deviations => new()
    {
        { 0, 1, 1 }, { 1, -1, 1 }, { 1, 1, 0 }, { float.NaN, 1, 1 }, { 1, float.PositiveInfinity, 1 },
        { 1, 1, 1e-3f }, { 1e-4f, 1, 1 }, { 1e-30f, 1e-30f, 1e-30f },
    };

    [Theory, MemberData(nameof(Deviations))]
    public void Refine_DeviationsOutOfRange_Throws(float sx, float sy, float rgb)
    {
        RandomScene scene = new(14, 40, 40, 3);
        CrfKernel kernel = new() { Sx = sx, Sy = sy, Rgb = new(rgb, rgb, rgb), Compatibility = CrfCompatibility.Potts(1) };
        Assert.Throws<ArgumentException>(() => scene.Refine(new() { Kernels = [kernel] }));
    }

    [Theory]
    [InlineData(0, 4, 5), InlineData(4, 0, 5), InlineData(4, 4, 0), InlineData(4, 4, 257), InlineData(5, 4, 5), InlineData(4, 4, 6)]
    public void Input_SizeThatDoesNotFitTheBuffers_Throws(int width, int height, int labels)
    {
        float[] scores = new float[4 * 4 * 5];
        byte[] rgb = new byte[4 * 4 * 3];
        Assert.ThrowsAny<ArgumentException>(() => CrfInput.FromEnergies(scores, rgb, width, height, labels));
        Assert.ThrowsAny<ArgumentException>(() => CrfInput.FromProbabilities(scores, rgb, width, height, labels));
    }

    [Theory]
    [InlineData(79), InlineData(81)]
    public void Refine_ResultOfAnotherLength_Throws(int length)
    {
        RandomScene scene = new(17, 4, 4, 5);
        using CrfWorkspace workspace = new(Unlimited);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels };
        Assert.Throws<ArgumentException>(() => CrfInference.Refine(scene.Input, parameters, workspace, new float[length]));
        Assert.Throws<ArgumentException>(() => CrfInference.Label(scene.Input, parameters, workspace, new byte[length]));
    }

    [Fact]
    public void Refine_ParametersOutOfRange_Throws()
    {
        RandomScene scene = new(15, 8, 8, 3);
        CrfParameters good = new() { Kernels = RandomScene.Kernels };
        Assert.Throws<ArgumentException>(() => scene.Refine(good with { Iterations = 51 }));
        Assert.Throws<ArgumentException>(() => scene.Refine(good with { Iterations = -1 }));
        Assert.Throws<ArgumentException>(() => scene.Refine(good with { Threads = 0 }));
        Assert.Throws<ArgumentException>(() => scene.Refine(good with { PruneBelow = 1 }));
        Assert.Throws<ArgumentException>(() => scene.Refine(good with { Kernels = [] }));
        CrfKernel mismatched = CrfKernel.Gaussian(1, 3) with { Compatibility = CrfCompatibility.Diagonal([1, 2]) };
        Assert.Throws<ArgumentException>(() => scene.Refine(good with { Kernels = [mismatched] }));
    }

    [Theory]
    [InlineData(1), InlineData(2), InlineData(4)]
    public void Refine_WorkspaceTooSmall_ThrowsAndStaysUsable(int threads)
    {
        RandomScene scene = new(16, 64, 64, 5), tiny = new(16, 4, 4, 5);
        using CrfWorkspace workspace = new(500_000);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels, Threads = threads };
        Assert.Throws<ArgumentException>(() => CrfInference.Refine(
            scene.Input, parameters, workspace, new float[scene.Energies.Length]));
        Assert.InRange(workspace.Bytes, 0, workspace.MaxBytes);
        workspace.Dispose();
        CrfInference.Refine(
            tiny.Input, parameters with { Threads = 1 }, workspace, new float[tiny.Energies.Length]);
    }

    [Theory]
    [InlineData("c03_213x160_L21_voc", 2), InlineData("c19_200x150_L21_r101", 1)]
    [InlineData("c11_96x64_L3_norm_before", 3), InlineData("c18_80x60_L33", 2)]
    public void EstimateBytes_Case_CoversWhatIsHeld(string name, int threads)
    {
        CrfCase scene = new(name);
        CrfParameters parameters = new() { Kernels = scene.Kernels, Iterations = 3, Threads = threads, PruneBelow = 1e-3f };
        using CrfWorkspace workspace = new(Unlimited);
        CrfInference.Refine(
            scene.Input, parameters, workspace, new float[scene.Energies.Length]);

        double density = scene.Vertices.Max() / (double)scene.Pixels;
        Assert.InRange(workspace.Bytes, 1, CrfInference.EstimateBytes(scene.Width, scene.Height, scene.Labels, parameters, density * 1.2));
        Assert.InRange(workspace.Bytes, 1, CrfInference.EstimateBytes(scene.Width, scene.Height, scene.Labels, parameters));
    }

    [Theory]
    [InlineData("c03_213x160_L21_voc", 2, 0.8), InlineData("c19_200x150_L21_r101", 1, 0.8)]
    [InlineData("c11_96x64_L3_norm_before", 3, 0.7), InlineData("c18_80x60_L33", 2, 0.8)]
    [InlineData("c14_96x64_L3_matrix", 1, 0.7), InlineData("c20_50x40_L4_flat", 1, 0.3)]
    public void LeastBytes_Case_IsNearlyWhatIsHeld(string name, int threads, double share)
    {
        CrfCase scene = new(name);
        foreach ((CrfQuality quality, int iterations) in ((CrfQuality, int)[])
            [(CrfQuality.Exact, 0), (CrfQuality.Exact, 1), (CrfQuality.Exact, 3), (CrfQuality.Fast, 5)])
        {
            CrfParameters parameters = new()
            {
                Kernels = scene.Kernels, Iterations = iterations, Threads = threads, PruneBelow = 1e-3f, Quality = quality,
            };
            using CrfWorkspace workspace = new(Unlimited);
            CrfInference.Refine(scene.Input, parameters, workspace, new float[scene.Energies.Length]);

            long ofImage = CrfInference.LeastBytes(scene.Width, scene.Height, scene.Labels, parameters, scene.Rgb);
            Assert.InRange(ofImage, (long)(workspace.Bytes * share), workspace.Bytes);
            Assert.InRange(CrfInference.LeastBytes(scene.Width, scene.Height, scene.Labels, parameters), 1, ofImage);
        }
    }

    [Fact]
    public void LeastBytes_MoreThanEnough_EndsTheCount()
    {
        RandomScene scene = new(17, 512, 512, 5);
        CrfParameters parameters = new() { Kernels = RandomScene.Kernels };
        long all = CrfInference.LeastBytes(512, 512, 5, parameters, scene.Rgb), enough = all / 2;

        Assert.InRange(CrfInference.LeastBytes(512, 512, 5, parameters, scene.Rgb, enough), enough + 1, all - 1);
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(
            () => CrfInference.LeastBytes(512, 512, 5, parameters, scene.Rgb, cancellationToken: cancelled.Token));
        Assert.Throws<ArgumentException>(() => CrfInference.LeastBytes(512, 511, 5, parameters, scene.Rgb));
    }

    [Fact]
    public void Pool_Return_KeepsAsManyAsItMay()
    {
        using CrfWorkspacePool pool = new(maxIdle: 1, maxBytes: 1 << 20);
        CrfWorkspace first = pool.Rent(), second = pool.Rent();
        pool.Return(first);
        pool.Return(second);
        Assert.Same(first, pool.Rent());
        Assert.NotSame(second, pool.Rent());
    }
}
