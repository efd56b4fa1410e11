using System.Net;
using System.Text.Json.Serialization;

namespace InferenceServer.Client;

/// <summary>A mask, as the server encoded it.</summary>
public sealed class MaskAnswer
{
    /// <summary>The mask in the requested format; in <c>raw</c>, class indices row by row: one byte for each pixel, or two
    /// (little-endian) for more than 256 classes.</summary>
    public required byte[] Bytes { get; init; }

    /// <summary>Media type of <see cref="Bytes"/>.</summary>
    public required string ContentType { get; init; }

    /// <summary>The model that answered.</summary>
    public required string Model { get; init; }

    /// <summary>The model's version.</summary>
    public required int Version { get; init; }

    /// <summary>Width of the upright image, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the upright image, in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>The key of the lattice that the server keeps; null where it keeps none. Send it with the next request on the
    /// image.</summary>
    public string? Lattice { get; init; }
}

/// <summary>A refined mask, as the server encoded it.</summary>
public sealed class RefineAnswer
{
    /// <summary>The mask in the requested format.</summary>
    public required byte[] Bytes { get; init; }

    /// <summary>Media type of <see cref="Bytes"/>.</summary>
    public required string ContentType { get; init; }

    /// <summary>Width of the upright image, in pixels.</summary>
    public required int Width { get; init; }

    /// <summary>Height of the upright image, in pixels.</summary>
    public required int Height { get; init; }

    /// <summary>The key of the lattice that the server keeps; null where it keeps none. Send it with the next request on the
    /// image.</summary>
    public string? Lattice { get; init; }
}

/// <summary>One model of a server.</summary>
public sealed class ModelInfo
{
    /// <summary>The name that requests use.</summary>
    public required string Name { get; init; }

    /// <summary>LOADING, READY or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why the model is unavailable.</summary>
    public string? Reason { get; init; }

    /// <summary>The version that answers a request without a version.</summary>
    public int? Version { get; init; }
}

internal sealed record ModelsAnswer(IReadOnlyList<ModelInfo> Models);

internal sealed record ProblemAnswer(string? Type, string? Detail);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(JobInfo[]))]
[JsonSerializable(typeof(JobLine))]
[JsonSerializable(typeof(ModelsAnswer))]
[JsonSerializable(typeof(ProblemAnswer))]
internal sealed partial class ClientJson : JsonSerializerContext;

/// <summary>An error that the server answered.</summary>
/// <param name="status">The HTTP status.</param>
/// <param name="type">The problem type, such as <c>urn:inference-server:unknown-model</c>; empty where a proxy
/// answered.</param>
/// <param name="message">The server's message, which says what to change.</param>
public sealed class InferenceServerException(HttpStatusCode status, string type, string message) : Exception(message)
{
    /// <summary>The HTTP status.</summary>
    public HttpStatusCode Status { get; } = status;

    /// <summary>The problem type, such as <c>urn:inference-server:unknown-model</c>; empty where a proxy
    /// answered.</summary>
    public string Type { get; } = type;
}
