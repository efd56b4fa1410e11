namespace InferenceServer.LoadTests.Traffic;

/// <summary>When requests arrive, in seconds, whatever the server does.</summary>
internal static class Arrivals
{
    /// <summary>Evenly spaced.</summary>
    public static IEnumerable<double> Even(double perSecond, TimeSpan length)
    {
        for (long i = 0; i / perSecond < length.TotalSeconds; i++)
        {
            yield return i / perSecond;
        }
    }

    /// <summary>As independent people send them: exponential gaps, seeded.</summary>
    public static IEnumerable<double> Poisson(double perSecond, TimeSpan length)
    {
        Random random = new(1);
        for (double at = Gap(); at < length.TotalSeconds; at += Gap())
        {
            yield return at;
        }

        double Gap() => -Math.Log(1 - random.NextDouble()) / perSecond;
    }
}
