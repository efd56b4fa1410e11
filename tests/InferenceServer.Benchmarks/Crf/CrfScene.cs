using DenseCrf;
using DenseCrf.Tests;
using InferenceServer.Kernels;

namespace InferenceServer.Benchmarks.Crf;

/// <summary>An image's worth of work for the CRF.</summary>
/// <param name="Name">As benchmarks print it.</param>
/// <param name="Size">Of the image.</param>
/// <param name="Labels">Planes.</param>
/// <param name="Iterations">Of mean field.</param>
/// <param name="Energies">CHW.</param>
/// <param name="Rgb">HWC.</param>
/// <param name="Kernels">Of the case.</param>
public sealed record CrfScene(
    string Name, ImageSize Size, int Labels, int Iterations, float[] Energies, byte[] Rgb, IReadOnlyList<CrfKernel> Kernels)
{
    /// <summary>The demonstration values: a small lattice.</summary>
    public static CrfScene C04 => Of("c04_500x375_L21_demo");

    /// <summary>The VOC values: more than one vertex a pixel.</summary>
    public static CrfScene C05 => Of("c05_500x375_L21_voc");

    /// <summary>Scene c05 mirrored to 1024×768, its first 11 labels, 5 iterations.</summary>
    public static CrfScene Large
    {
        get
        {
            CrfScene small = C05;
            ImageSize size = new(1024, 768);
            const int Labels = 11;
            float[] energies = new float[size.Pixels * Labels];
            byte[] rgb = new byte[size.Pixels * 3];
            for (int i = 0; i < size.Pixels; i++)
            {
                int from = (Mirrored(i / size.Width, small.Size.Height) * small.Size.Width) + Mirrored(i % size.Width, small.Size.Width);
                small.Rgb.AsSpan(from * 3, 3).CopyTo(rgb.AsSpan(i * 3));
                for (int label = 0; label < Labels; label++)
                {
                    energies[(label * size.Pixels) + i] = small.Energies[(label * small.Size.Pixels) + from];
                }
            }

            return new CrfScene("1024x768_L11_voc", size, Labels, 5, energies, rgb, small.Kernels);
        }
    }

    public CrfInput Input => CrfInput.FromEnergies(Energies, Rgb, Size.Width, Size.Height, Labels);

    /// <summary>Changes one value of the image, so that a workspace does not have its lattice from the last call.</summary>
    public void Recolor() => Rgb[0] ^= 1;

    public CrfParameters Parameters(int threads, float pruneBelow = 0, CrfQuality quality = CrfQuality.Exact) =>
        new() { Kernels = Kernels, Iterations = Iterations, Threads = threads, PruneBelow = pruneBelow, Quality = quality };

    public override string ToString() => Name;

    private static int Mirrored(int position, int length) =>
        position / length % 2 == 0 ? position % length : length - 1 - (position % length);

    private static CrfScene Of(string name)
    {
        CrfCase scene = new(name);
        return new CrfScene(name, new ImageSize(scene.Width, scene.Height), scene.Labels, 10, scene.Energies, scene.Rgb, scene.Kernels);
    }
}
