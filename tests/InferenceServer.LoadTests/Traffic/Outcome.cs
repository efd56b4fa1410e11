namespace InferenceServer.LoadTests.Traffic;

/// <summary>How a request ended.</summary>
internal enum Outcome
{
    /// <summary>With a mask.</summary>
    Accepted,

    /// <summary>With 429, 503 or 504: the server said that it has too much to do.</summary>
    Refused,

    /// <summary>With another status, a broken connection, or nothing in time.</summary>
    Failed,
}
