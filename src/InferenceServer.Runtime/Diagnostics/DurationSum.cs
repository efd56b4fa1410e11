namespace InferenceServer.Runtime.Diagnostics;

/// <summary>How often something happened, and how long it took all in all.</summary>
/// <param name="Count">How often.</param>
/// <param name="Time">The sum.</param>
public readonly record struct DurationSum(long Count, TimeSpan Time)
{
    /// <summary>One more.</summary>
    internal DurationSum Plus(TimeSpan time) => new(Count + 1, Time + time);
}
