using InferenceServer.Kernels;

namespace InferenceServer.Benchmarks;

/// <summary>A data set's image size and number of classes.</summary>
public sealed record SegmentationCase(string Name, ImageSize Photo, int Classes)
{
    public static IReadOnlyList<SegmentationCase> All { get; } =
    [
        new("CamVid", new ImageSize(480, 360), 11),
        new("Cityscapes", new ImageSize(2048, 1024), 19),
        new("ADE20K", new ImageSize(512, 512), 150),
    ];

    public float[] Scores(ImageSize grid)
    {
        Random random = new(1);
        float[] scores = new float[grid.Pixels * Classes];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = (random.NextSingle() * 20) - 10;
        }

        return scores;
    }

    /// <summary>Labels in runs, as masks have them.</summary>
    public byte[] Labels() =>
        [
            .. Enumerable.Range(0, (int)Photo.Pixels)
                .Select(i => (byte)(((i % Photo.Width / 64) + (i / Photo.Width / 48)) % Classes))
        ];

    public override string ToString() => $"{Name} {Photo} {Classes}";
}
