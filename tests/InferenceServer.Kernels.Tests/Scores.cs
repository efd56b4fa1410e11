namespace InferenceServer.Kernels.Tests;

/// <summary>Seeded scores that make kernels meet what they fear.</summary>
internal static class Scores
{
    /// <summary>Logits, a tenth of them ties (small integers), and on request NaN and infinities.</summary>
    public static float[] Random(int seed, int length, bool special = false)
    {
        Random random = new(seed);
        float[] scores = new float[length];
        for (int i = 0; i < length; i++)
        {
            scores[i] = (random.Next(40), special) switch
            {
                (0, true) => float.NaN,
                (1, true) => float.PositiveInfinity,
                (2, true) => float.NegativeInfinity,
                ( < 8, _) => random.Next(-2, 3),
                _ => (random.NextSingle() * 20) - 10,
            };
        }

        return scores;
    }
}
