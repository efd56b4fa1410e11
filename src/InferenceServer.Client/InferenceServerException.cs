using System.Net;

namespace InferenceServer.Client;

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
