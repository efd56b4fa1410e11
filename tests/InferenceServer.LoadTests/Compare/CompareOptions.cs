namespace InferenceServer.LoadTests.Compare;

/// <summary>What <c>compare</c> was asked for.</summary>
/// <param name="Server">The server's assembly.</param>
/// <param name="Arguments">Settings for the server.</param>
/// <param name="Model">The served model's folder.</param>
/// <param name="Scale">Length of each window, 1 for the usual.</param>
/// <param name="Output">A folder for tables, pictures and logs.</param>
/// <param name="Docs">Whether docs/benchmarks.md gets the tables and the picture.</param>
internal sealed record CompareOptions(string Server, string Arguments, string Model, double Scale, string Output, bool Docs);
