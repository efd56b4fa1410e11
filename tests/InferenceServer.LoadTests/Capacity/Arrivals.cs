namespace InferenceServer.LoadTests.Capacity;

/// <summary>How requests come.</summary>
internal enum Arrivals
{
    /// <summary>By chance and independently of each other, as those of many clients do.</summary>
    Poisson,

    /// <summary>Evenly spaced, as the load program's curve sends them.</summary>
    Even,
}
