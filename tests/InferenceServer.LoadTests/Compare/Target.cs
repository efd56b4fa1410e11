namespace InferenceServer.LoadTests.Compare;

/// <summary>Something promised, and what was measured.</summary>
/// <param name="Text">The promise.</param>
/// <param name="Bound">The number promised.</param>
/// <param name="AtLeast">Whether <paramref name="Bound"/> is a least or a most.</param>
/// <param name="Measured">NaN where it could not be measured.</param>
internal sealed record Target(string Text, double Bound, bool AtLeast, double Measured)
{
    public string Verdict =>
        double.IsNaN(Measured)
            ? "not measured"
            : (AtLeast ? Measured >= Bound : Measured <= Bound)
            ? "met"
            : "**missed**";
}
