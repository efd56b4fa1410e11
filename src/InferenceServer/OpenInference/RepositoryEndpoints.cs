using System.Text.Json;
using InferenceServer.Auth;
using InferenceServer.Hosting;
using InferenceServer.Models;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.OpenInference;

/// <summary>The protocol's model repository extension; the server has one repository, whatever it is called.</summary>
internal static class RepositoryEndpoints
{
    /// <summary>Most bytes of a request to load a model: clients may add files or a configuration, to be told that none is taken.</summary>
    public const int MaxLoadBytes = 1 << 20;

    public static void MapRepository(this RouteGroupBuilder group)
    {
        foreach ((string prefix, string suffix) in ((string, string)[])[("/repository", ""), ("/repository/{repository}", "Named")])
        {
            RouteGroupBuilder repository = group.MapGroup(prefix);
            repository.MapPost("/index", IndexAsync)
                .WithName("RepositoryIndex" + suffix)
                .RequireScope(Scope.Infer | Scope.Admin)
                .WithSummary("All models and their states; with {\"ready\": true} those that serve.");
            repository.MapPost("/models/{model}/load", LoadAsync)
                .WithName("RepositoryLoad" + suffix)
                .RequireScope(Scope.Admin)
                .ForOperators()
                .WithSummary("Loads a model, or loads it again.")
                .WithDescription("Answers when it serves. Needs a key with the scope admin.")
                .ProducesProblem(StatusCodes.Status404NotFound)
                .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
                .ProducesProblem(StatusCodes.Status501NotImplemented);
            repository.MapPost("/models/{model}/unload", UnloadAsync)
                .WithName("RepositoryUnload" + suffix)
                .RequireScope(Scope.Admin)
                .ForOperators()
                .WithSummary("Stops serving a model.")
                .WithDescription("Requests under way are finished. Needs a key with the scope admin.")
                .ProducesProblem(StatusCodes.Status404NotFound);
        }
    }

    private static async Task<Ok<IReadOnlyList<RepositoryEntry>>> IndexAsync(HttpContext http, ModelCatalog catalog)
    {
        using JsonDocument? asked = await ReadAsync(http, SmallBody.MaxBytes);
        return TypedResults.Ok(
            catalog.Index(
                asked?.RootElement is { ValueKind: JsonValueKind.Object } body
                    && body.TryGetProperty("ready", out JsonElement ready)
                    && ready.ValueKind == JsonValueKind.True));
    }

    private static async Task<Results<Ok, ProblemResult>> LoadAsync(
        string model, HttpContext http, ModelCatalog catalog, ModelLifecycle lifecycle)
    {
        using JsonDocument? asked = await ReadAsync(http, MaxLoadBytes);
        if (asked?.RootElement is { ValueKind: JsonValueKind.Object } body
            && body.TryGetProperty("parameters", out JsonElement parameters)
            && parameters.ValueKind == JsonValueKind.Object)
        {
            RefuseOverrides(parameters.EnumerateObject().Select(p => p.Name));
        }

        ModelEntry entry = await lifecycle.LoadAsync(catalog.View(model).Model);
        return ModelLifecycle.Failure(entry) is { } failure ? new ProblemResult(ErrorTable.ModelUnusable, failure) : TypedResults.Ok();
    }

    private static async Task<Ok> UnloadAsync(string model, ModelCatalog catalog, ModelLifecycle lifecycle)
    {
        await lifecycle.UnloadAsync(catalog.View(model).Model);
        return TypedResults.Ok();
    }

    /// <exception cref="SegmentationException">A load shall use other files or another configuration than the repository's.</exception>
    public static void RefuseOverrides(IEnumerable<string> parameters)
    {
        if (parameters.Any(p => p == "config" || p.StartsWith("file:", StringComparison.Ordinal)))
        {
            throw ProtocolParameters.Missing(
                "model_repository(config, file)",
                "put the model's files into the repository's folder, and load it then");
        }
    }

    private static async Task<JsonDocument?> ReadAsync(HttpContext http, int maxBytes)
    {
        using PooledBufferWriter body = await InferBody.ReadAsync(http.Request, maxBytes, hold: static _ => { }, http.RequestAborted);
        try
        {
            // Of the text's own memory, for the buffer is given back.
            return body.Written.Length == 0 ? null : JsonDocument.Parse(body.Written.ToArray());
        }
        catch (JsonException e)
        {
            throw new SegmentationException(SegmentationError.InvalidRequest, "The body is no JSON: " + e.Message, e);
        }
    }
}

/// <summary>A model of the repository.</summary>
public sealed record RepositoryEntry
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>A version that serves; empty where none does.</summary>
    public required string Version { get; init; }

    /// <summary>READY, LOADING or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why it is unavailable, or why a version that should serve does not; else empty.</summary>
    public required string Reason { get; init; }
}
