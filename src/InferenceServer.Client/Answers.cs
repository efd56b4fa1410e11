using System.Net;
using System.Text.Json.Serialization;

namespace InferenceServer.Client;

/// <summary>A mask as it came.</summary>
public sealed record MaskAnswer
{
    /// <summary>The mask in the format that was asked for; of <c>raw</c>, one byte a pixel, row by row.</summary>
    public required byte[] Bytes { get; init; }

    /// <summary>Media type of <see cref="Bytes"/>.</summary>
    public required string ContentType { get; init; }

    /// <summary>The model that answered.</summary>
    public required string Model { get; init; }

    /// <summary>Its version.</summary>
    public required int Version { get; init; }

    /// <summary>Width of the upright photograph, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the upright photograph, in pixels.</summary>
    public required int Height { get; init; }
}

/// <summary>One model of a server.</summary>
public sealed record ModelInfo
{
    /// <summary>The name that requests use.</summary>
    public required string Name { get; init; }

    /// <summary>LOADING, READY or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why it is unavailable.</summary>
    public string? Reason { get; init; }

    /// <summary>The version that answers unless a request names one.</summary>
    public int? Version { get; init; }
}

internal sealed record ModelsAnswer(IReadOnlyList<ModelInfo> Models);

internal sealed record ProblemAnswer(string? Type, string? Detail);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ModelsAnswer))]
[JsonSerializable(typeof(ProblemAnswer))]
internal sealed partial class ClientJson : JsonSerializerContext;

/// <summary>The server says why there is no answer.</summary>
/// <param name="status">Its status.</param>
/// <param name="type">The kind of failure, such as <c>urn:inference-server:unknown-model</c>; empty where something else than the server answered.</param>
/// <param name="message">What to change, in a sentence.</param>
public sealed class InferenceServerException(HttpStatusCode status, string type, string message) : Exception(message)
{
    /// <summary>The status.</summary>
    public HttpStatusCode Status { get; } = status;

    /// <summary>The kind of failure.</summary>
    public string Type { get; } = type;
}
