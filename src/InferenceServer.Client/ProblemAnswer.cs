namespace InferenceServer.Client;

internal sealed record ProblemAnswer(string? Type, string? Detail);
