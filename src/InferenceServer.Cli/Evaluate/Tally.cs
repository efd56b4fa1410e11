using System.Buffers;
using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Cli.Evaluate;

/// <summary>The counts of one set of masks over all images: of all pixels, and of the bands along true boundaries.</summary>
internal sealed class Tally(int classes)
{
    /// <summary>Width in pixels of the widest band.</summary>
    public const int Widest = 20;

    /// <summary>The counts of all pixels.</summary>
    public ConfusionMatrix All { get; } = new(classes);

    /// <summary>Those of the pixels within 1, 2, … <see cref="Widest"/> pixels of another class.</summary>
    public IReadOnlyList<ConfusionMatrix> Bands { get; } = [.. Enumerable.Range(0, Widest).Select(_ => new ConfusionMatrix(classes))];

    /// <summary>Counts one image.</summary>
    /// <param name="truth">HW.</param>
    /// <param name="distances">HW, of <see cref="BoundaryDistance"/> in the truth.</param>
    /// <param name="prediction">HW.</param>
    /// <param name="ignore">The void label.</param>
    public void Add(ReadOnlySpan<byte> truth, ReadOnlySpan<byte> distances, ReadOnlySpan<byte> prediction, byte ignore)
    {
        All.Add(truth, prediction, ignore);
        byte[] rented = ArrayPool<byte>.Shared.Rent(truth.Length);
        Span<byte> near = rented.AsSpan(0, truth.Length);
        truth.CopyTo(near);
        for (int width = Widest; width >= 1; width--)
        {
            for (int i = 0; i < near.Length; i++)
            {
                near[i] = distances[i] > width ? ignore : near[i];
            }

            Bands[width - 1].Add(near, prediction, ignore);
        }

        ArrayPool<byte>.Shared.Return(rented);
    }
}
