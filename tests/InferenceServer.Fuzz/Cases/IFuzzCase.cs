namespace InferenceServer.Fuzz.Cases;

/// <summary>One kind of input.</summary>
internal interface IFuzzCase
{
    string Kind { get; }

    /// <summary>Makes an input, calls <paramref name="made"/> with it for the report, hands it over, and judges what
    /// came of it. Called by several threads at once.</summary>
    Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made);
}
