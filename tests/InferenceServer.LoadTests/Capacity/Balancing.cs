namespace InferenceServer.LoadTests.Capacity;

/// <summary>How a balancer chooses.</summary>
internal enum Balancing
{
    /// <summary>By turns.</summary>
    RoundRobin,

    /// <summary>The replica with the fewest requests inside; by turns among equals.</summary>
    LeastConnections,
}
