namespace DenseCrf.Tests;

/// <summary>A random image with random energies, the same for the same seed.</summary>
internal sealed class RandomScene
{
    public RandomScene(int seed, int width, int height, int labels)
    {
        Random random = new(seed);
        (Width, Height, Labels) = (width, height, labels);
        Rgb = new byte[width * height * 3];
        Energies = new float[width * height * labels];
        for (int i = 0; i < Rgb.Length; i++)
        {
            // Stripes with noise, so that there are both similar neighbours and edges.
            Rgb[i] = (byte)((i / 24 % 5 * 50) + random.Next(12));
        }

        for (int i = 0; i < Energies.Length; i++)
        {
            Energies[i] = random.NextSingle() * 6;
        }
    }

    public int Width { get; }

    public int Height { get; }

    public int Labels { get; }

    public byte[] Rgb { get; }

    /// <summary>CHW, in nats.</summary>
    public float[] Energies { get; set; }

    public CrfInput Input => CrfInput.FromEnergies(Energies, Rgb, Width, Height, Labels);

    public static CrfKernel[] Kernels => [CrfKernel.Gaussian(3, 3), CrfKernel.Bilateral(5, 20, 10)];

    public float[] Refine(CrfParameters parameters) => Refine(Input, parameters);

    public static float[] Refine(CrfInput input, CrfParameters parameters)
    {
        using CrfWorkspace workspace = new(1L << 30);
        float[] marginals = new float[input.Width * input.Height * input.Labels];
        CrfInference.Refine(input, parameters, workspace, marginals);
        return marginals;
    }

    /// <summary>The softmax of the negated energies, computed in double precision.</summary>
    public float[] Softmax()
    {
        float[] result = new float[Energies.Length];
        int pixels = Width * Height;
        for (int i = 0; i < result.Length; i++)
        {
            double sum = Enumerable.Range(0, Labels).Sum(l => Math.Exp(-Energies[(l * pixels) + (i % pixels)]));
            result[i] = (float)(Math.Exp(-Energies[i]) / sum);
        }

        return result;
    }
}
