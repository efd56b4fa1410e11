namespace InferenceServer.Client;

internal sealed record ModelsAnswer(IReadOnlyList<ModelInfo> Models);
