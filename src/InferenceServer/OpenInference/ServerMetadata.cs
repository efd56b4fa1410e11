using System.Reflection;

namespace InferenceServer.OpenInference;

/// <summary>What the server is and what it can.</summary>
public sealed record ServerMetadata
{
    private static readonly string OwnVersion = typeof(ServerMetadata).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";

    /// <summary>Its name.</summary>
    public string Name { get; init; } = "inference-server";

    /// <summary>Its version.</summary>
    public string Version { get; init; } = OwnVersion;

    /// <summary>The protocol's extensions that it has; requests that need another are answered with 501.</summary>
    public IReadOnlyList<string> Extensions { get; init; } = ["binary_tensor_data", "model_configuration", "model_repository", "parameters", "schedule_policy", "statistics"];
}
