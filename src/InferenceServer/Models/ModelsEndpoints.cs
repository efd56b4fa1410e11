using InferenceServer.Auth;
using InferenceServer.Hosting;
using InferenceServer.Errors;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Models;

/// <summary>Endpoints that list, describe, load and unload models.</summary>
internal static class ModelsEndpoints
{
    public static RouteGroupBuilder MapModels(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/models").WithTags("Models");
        group.MapGet("/", List).WithName("ListModels").RequireScope(Scope.Infer | Scope.Admin)
            .WithSummary("Lists the models and their states.");
        group.MapGet("/{model}", Describe).WithName("DescribeModel").RequireScope(Scope.Infer | Scope.Admin)
            .WithSummary("Describes one model: classes, colours, provider, preprocessing.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{model}/versions/{version:int}", DescribeVersion).WithName("DescribeModelVersion")
            .RequireScope(Scope.Infer | Scope.Admin).WithSummary("Describes one serving version.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        group.MapPost("/{model}/load", LoadAsync).WithName("LoadModel").RequireScope(Scope.Admin).ForOperators()
            .WithSummary("Loads or reloads a model.")
            .WithDescription(
                "Responds when the model serves. "
                + "The old version keeps serving until then, and where loading fails. "
                + "Needs a key with the scope admin.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        group.MapPost("/{model}/unload", UnloadAsync).WithName("UnloadModel").RequireScope(Scope.Admin).ForOperators()
            .WithSummary("Stops serving a model.")
            .WithDescription(
                "Admitted requests are finished. "
                + "The model stays unloaded until it is loaded again or the server restarts. "
                + "Needs a key with the scope admin.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        return group;
    }

    private static Ok<ModelList> List(ModelRepository repository) => TypedResults.Ok(new ModelList
    {
        Default = repository.Default,
        Models = [.. repository.Entries.Select(ModelOverview.Of)],
    });

    private static Ok<ModelDescription> Describe(string model, ModelRepository repository) =>
        TypedResults.Ok(ModelDescription.Of(repository.Entry(model)));

    private static Ok<ModelDescription> DescribeVersion(string model, int version, ModelRepository repository) =>
        TypedResults.Ok(ModelDescription.Of(repository.Entry(model), repository.Version(model, version)));

    private static async Task<Results<Ok<ModelDescription>, ProblemResult>> LoadAsync(
        string model, ModelLifecycle lifecycle)
    {
        ModelEntry entry = await lifecycle.LoadAsync(model);
        if (ModelLifecycle.Failure(entry) is { } failure)
        {
            return new ProblemResult(ErrorTable.ModelUnusable, failure);
        }

        return TypedResults.Ok(ModelDescription.Of(entry));
    }

    private static async Task<Ok<ModelDescription>> UnloadAsync(string model, ModelLifecycle lifecycle) =>
        TypedResults.Ok(ModelDescription.Of(await lifecycle.UnloadAsync(model)));
}

/// <summary>Loads and unloads models on a thread of their own.</summary>
internal sealed class ModelLifecycle(ModelRepository repository, IHostApplicationLifetime lifetime)
{
    /// <summary>Loads or reloads a model.</summary>
    /// <returns>The model's entry afterwards.</returns>
    public Task<ModelEntry> LoadAsync(string model) =>
        OnThread(() => repository.Reload(model, lifetime.ApplicationStopping));

    /// <summary>Stops serving a model.</summary>
    /// <returns>The model's entry afterwards.</returns>
    public Task<ModelEntry> UnloadAsync(string model) =>
        OnThread(() => repository.Unload(model, lifetime.ApplicationStopping));

    /// <summary>Why the newest version does not serve; null where it does.</summary>
    public static string? Failure(ModelEntry entry)
    {
        if (entry is { Reason: not null, Model: not null })
        {
            return $"{entry.Reason} Version {entry.Model.Version} keeps serving.";
        }

        return entry.Reason;
    }

    // Loading occupies a thread for seconds, too long for the thread pool, and continues after the client
    // disconnected.
    private static Task<ModelEntry> OnThread(Func<ModelEntry> change) =>
        Task.Factory.StartNew(change, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
