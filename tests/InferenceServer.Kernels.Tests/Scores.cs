namespace InferenceServer.Kernels.Tests;

/// <summary>Random scores, the same for the same seed, with the values that are difficult for kernels.</summary>
internal static class Scores
{
    /// <summary>
    /// Logits, some of them small integers, which make ties; with <paramref name="special"/> also NaN and infinities.
    /// </summary>
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
