namespace InferenceServer.Runtime.Tests;

internal static class RandomExtensions
{
    public static void NextSingles(this Random random, Span<float> values)
    {
        foreach (ref float value in values)
        {
            value = random.NextSingle();
        }
    }
}
