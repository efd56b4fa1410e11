using System.Buffers;
using InferenceServer.Kernels.Metrics;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Confusion matrices over all images: of all pixels, and of the pixels near true boundaries.</summary>
internal sealed class Tally(int classes)
{
    /// <summary>Largest distance to a boundary, in pixels.</summary>
    public const int Widest = 20;

    /// <summary>The confusion matrix of all pixels.</summary>
    public ConfusionMatrix All { get; } = new(classes);

    /// <summary>The confusion matrices of the pixels within 1, 2, … <see cref="Widest"/> pixels of another
    /// class.</summary>
    public IReadOnlyList<ConfusionMatrix> Bands { get; } = [.. Enumerable.Range(0, Widest).Select(_ => new ConfusionMatrix(classes))];

    /// <summary>Counts an image.</summary>
    /// <param name="truth">True labels, HW.</param>
    /// <param name="distances">Distances by <see cref="BoundaryDistance"/> in the truth, HW.</param>
    /// <param name="prediction">Predicted labels, HW.</param>
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
