namespace InferenceServer.Runtime.Models;

/// <summary>How far the loading of a version is.</summary>
/// <param name="Step">What is being done, for people.</param>
/// <param name="Done">Trial and warm-up runs that are done.</param>
/// <param name="Total">Trial and warm-up runs in all; 0 while they are not counted yet.</param>
public sealed record LoadProgress(string Step, int Done = 0, int Total = 0);
