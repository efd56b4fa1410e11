namespace InferenceServer.Fuzz.Cases;

/// <summary>What came of one case.</summary>
/// <param name="Answer">In a word, for the count.</param>
/// <param name="Finding">What is wrong with it; null where nothing is.</param>
internal sealed record FuzzOutcome(string Answer, string? Finding);
