namespace InferenceServer.LoadTests.Capacity;

/// <summary>What the simulation knows of one replica, all of it measured.</summary>
/// <param name="Instances">Images that the network works on at once.</param>
/// <param name="Alone">Seconds of an image that has the machine to itself.</param>
/// <param name="Busy">Seconds of an image when all instances are busy: instances ÷ throughput at saturation.</param>
/// <param name="MostInside">Most admitted requests: a client's share of Scheduling:MaxRequests.</param>
/// <param name="Spread">Standard deviation of the logarithm of an image's cost: 0 for images of one size.</param>
internal sealed record ReplicaModel(int Instances, double Alone, double Busy, int MostInside, double Spread)
{
    /// <summary>The cost of one image, 1 in the mean.</summary>
    public double Size(Random random)
    {
        if (Spread <= 0)
        {
            return 1;
        }

        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return Math.Exp((Spread * normal) - (Spread * Spread / 2));
    }
}
