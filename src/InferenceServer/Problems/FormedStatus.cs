namespace InferenceServer.Problems;

/// <summary>What HTTP would have answered where a problem has a form of its own, whose status line says nothing, or had gone out before; a feature of the request, for logs and metrics.</summary>
/// <param name="Code">A status of 400 or more.</param>
internal sealed record FormedStatus(int Code);
