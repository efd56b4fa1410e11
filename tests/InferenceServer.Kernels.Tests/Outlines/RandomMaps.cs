namespace InferenceServer.Kernels.Tests.Outlines;

/// <summary>
/// Random label maps: noise, in which many parts meet at corners, and overlapping discs, which resemble real masks.
/// </summary>
internal static class RandomMaps
{
    public static TheoryData<int, int, int> Cases
    {
        get
        {
            TheoryData<int, int, int> cases = new() { { 1, 1, 1 }, { 1, 7, 2 }, { 7, 1, 3 }, { 2, 2, 4 } };
            for (int seed = 5; seed < 40; seed++)
            {
                cases.Add(1 + (seed * 7 % 23), 1 + (seed * 5 % 19), seed);
            }

            return cases;
        }
    }

    /// <summary>Noise of two or three labels for even seeds, overlapping discs for odd ones.</summary>
    public static byte[] Create(int width, int height, int seed)
    {
        Random random = new(seed);
        byte[] labels = new byte[width * height];
        if (seed % 2 == 0)
        {
            for (int i = 0; i < labels.Length; i++)
            {
                labels[i] = (byte)random.Next(2 + (seed / 2 % 2));
            }

            return labels;
        }

        for (int disc = 0; disc < 9; disc++)
        {
            (int cx, int cy, int radius) = (random.Next(width), random.Next(height), 1 + random.Next(1 + (width / 3)));
            for (int i = 0; i < labels.Length; i++)
            {
                int dx = (i % width) - cx, dy = (i / width) - cy;
                labels[i] = (dx * dx) + (dy * dy) <= radius * radius ? (byte)(disc % 4) : labels[i];
            }
        }

        return labels;
    }
}
