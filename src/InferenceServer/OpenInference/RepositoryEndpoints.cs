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

/// <summary>Endpoints of the model repository extension. The server has one repository and ignores the repository's
/// name in requests.</summary>
internal static class RepositoryEndpoints
{
    /// <summary>Most bytes of a request to load a model. Clients may send files or a configuration, which the server
    /// rejects.</summary>
    public const int MaxLoadBytes = 1 << 20;

    public static void MapRepository(this RouteGroupBuilder group)
    {
        foreach ((string prefix, string suffix) in ((string, string)[])[("/repository", ""), ("/repository/{repository}", "Named")])
        {
            RouteGroupBuilder repository = group.MapGroup(prefix);
            repository.MapPost("/index", IndexAsync)
                .WithName("RepositoryIndex" + suffix)
                .RequireScope(Scope.Infer | Scope.Admin)
                .WithSummary("Lists all models and their states; {\"ready\": true} selects ready models.");
            repository.MapPost("/models/{model}/load", LoadAsync)
                .WithName("RepositoryLoad" + suffix)
                .RequireScope(Scope.Admin)
                .ForOperators()
                .WithSummary("Loads or reloads a model.")
                .WithDescription("Responds when the model serves. Needs a key with the scope admin.")
                .ProducesProblem(StatusCodes.Status404NotFound)
                .ProducesProblem(StatusCodes.Status422UnprocessableEntity)
                .ProducesProblem(StatusCodes.Status501NotImplemented);
            repository.MapPost("/models/{model}/unload", UnloadAsync)
                .WithName("RepositoryUnload" + suffix)
                .RequireScope(Scope.Admin)
                .ForOperators()
                .WithSummary("Stops serving a model.")
                .WithDescription("Admitted requests are finished. Needs a key with the scope admin.")
                .ProducesProblem(StatusCodes.Status404NotFound);
        }
    }

    private static async Task<Ok<IReadOnlyList<RepositoryEntry>>> IndexAsync(HttpContext http, ModelCatalog catalog)
    {
        using JsonDocument? asked = await SmallBody.ReadAsync(
            http, timeout: null, stop => ReadAsync(http, SmallBody.MaxBytes, stop));
        bool onlyReady = asked?.RootElement is { ValueKind: JsonValueKind.Object } body
            && body.TryGetProperty("ready", out JsonElement ready) && ready.ValueKind == JsonValueKind.True;
        return TypedResults.Ok(catalog.Index(onlyReady));
    }

    private static async Task<Results<Ok, ProblemResult>> LoadAsync(
        string model, HttpContext http, ModelCatalog catalog, ModelLifecycle lifecycle)
    {
        using JsonDocument? asked = await ReadAsync(http, MaxLoadBytes, http.RequestAborted);
        if (asked?.RootElement is { ValueKind: JsonValueKind.Object } body
            && body.TryGetProperty("parameters", out JsonElement parameters) && parameters.ValueKind == JsonValueKind.Object)
        {
            RefuseOverrides(parameters.EnumerateObject().Select(p => p.Name));
        }

        ModelEntry entry = await lifecycle.LoadAsync(catalog.View(model).Model);
        if (ModelLifecycle.Failure(entry) is { } failure)
        {
            return new ProblemResult(ErrorTable.ModelUnusable, failure);
        }

        return TypedResults.Ok();
    }

    private static async Task<Ok> UnloadAsync(string model, ModelCatalog catalog, ModelLifecycle lifecycle)
    {
        await lifecycle.UnloadAsync(catalog.View(model).Model);
        return TypedResults.Ok();
    }

    /// <summary>Rejects files or a configuration in a request.</summary>
    /// <exception cref="SegmentationException">The request has files or a configuration.</exception>
    public static void RefuseOverrides(IEnumerable<string> parameters)
    {
        if (parameters.Any(p => p == "config" || p.StartsWith("file:", StringComparison.Ordinal)))
        {
            throw ProtocolParameters.Missing(
                "model_repository(config, file)",
                "put the model's files into the repository's folder, then load the model");
        }
    }

    private static async Task<JsonDocument?> ReadAsync(HttpContext http, int maxBytes, CancellationToken cancellationToken)
    {
        using PooledBufferWriter body = await InferBody.ReadAsync(
            http.Request, maxBytes, hold: static _ => { }, cancellationToken);
        try
        {
            // A copy, since the buffer is returned to the pool.
            if (body.Written.Length == 0)
            {
                return null;
            }

            return JsonDocument.Parse(body.Written.ToArray());
        }
        catch (JsonException e)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest, "Expected JSON, got other text: " + e.Message, e);
        }
    }
}

/// <summary>A model of the repository.</summary>
public sealed record RepositoryEntry
{
    /// <summary>The model's name.</summary>
    public required string Name { get; init; }

    /// <summary>A serving version; empty where no version serves.</summary>
    public required string Version { get; init; }

    /// <summary>READY, LOADING or UNAVAILABLE.</summary>
    public required string State { get; init; }

    /// <summary>Why the model is unavailable, or why a newer version does not serve; else empty.</summary>
    public required string Reason { get; init; }
}
