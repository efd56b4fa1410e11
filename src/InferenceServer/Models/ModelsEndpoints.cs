using InferenceServer.Auth;
using InferenceServer.Hosting;
using InferenceServer.Errors;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Models;

/// <summary>What models there are, how far they are, and what they tell apart; and loading and unloading them.</summary>
internal static class ModelsEndpoints
{
    public static RouteGroupBuilder MapModels(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/models").WithTags("Models");
        group.MapGet("/", List).WithName("ListModels").RequireScope(Scope.Infer | Scope.Admin).WithSummary("Lists the models and their states.");
        group.MapGet("/{model}", Describe).WithName("DescribeModel").RequireScope(Scope.Infer | Scope.Admin).WithSummary("Describes one model: classes, colours, provider, preprocessing.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapGet("/{model}/versions/{version:int}", DescribeVersion).WithName("DescribeModelVersion").RequireScope(Scope.Infer | Scope.Admin).WithSummary("Describes one version that serves.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        group.MapPost("/{model}/load", LoadAsync).WithName("LoadModel").RequireScope(Scope.Admin).ForOperators()
            .WithSummary("Loads a model, or loads it again.").WithDescription("Answers when it serves. What served before goes on serving until then, and if the load fails. Needs a key with the scope admin.")
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status422UnprocessableEntity);
        group.MapPost("/{model}/unload", UnloadAsync).WithName("UnloadModel").RequireScope(Scope.Admin).ForOperators()
            .WithSummary("Stops serving a model.").WithDescription("Requests under way are finished. It stays unloaded until it is loaded again or the server starts anew. Needs a key with the scope admin.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        return group;
    }

    private static Ok<ModelList> List(ModelRepository repository) => TypedResults.Ok(new ModelList
    {
        Default = repository.Default,
        Models = [.. repository.Entries.Select(ModelOverview.Of)],
    });

    private static Ok<ModelDescription> Describe(string model, ModelRepository repository) => TypedResults.Ok(ModelDescription.Of(repository.Entry(model)));

    private static Ok<ModelDescription> DescribeVersion(string model, int version, ModelRepository repository) =>
        TypedResults.Ok(ModelDescription.Of(repository.Entry(model), repository.Version(model, version)));

    private static async Task<Results<Ok<ModelDescription>, ProblemResult>> LoadAsync(string model, ModelLifecycle lifecycle)
    {
        ModelEntry entry = await lifecycle.LoadAsync(model);
        return ModelLifecycle.Failure(entry) is { } failure
            ? new ProblemResult(ErrorTable.ModelUnusable, failure)
            : TypedResults.Ok(ModelDescription.Of(entry));
    }

    private static async Task<Ok<ModelDescription>> UnloadAsync(string model, ModelLifecycle lifecycle) => TypedResults.Ok(ModelDescription.Of(await lifecycle.UnloadAsync(model)));
}

/// <summary>Loads and unloads models aside from the requests.</summary>
internal sealed class ModelLifecycle(ModelRepository repository, IHostApplicationLifetime lifetime)
{
    /// <summary>Loads a model, or loads it again.</summary>
    /// <returns>The model as it then stands.</returns>
    public Task<ModelEntry> LoadAsync(string model) => Aside(() => repository.Reload(model, lifetime.ApplicationStopping));

    /// <summary>Stops serving a model.</summary>
    /// <returns>The model as it then stands.</returns>
    public Task<ModelEntry> UnloadAsync(string model) => Aside(() => repository.Unload(model, lifetime.ApplicationStopping));

    /// <summary>Why a load did not bring what it should; null where it did.</summary>
    public static string? Failure(ModelEntry entry) => entry.Reason is null ? null : entry.Model is null ? entry.Reason : $"{entry.Reason} Version {entry.Model.Version} keeps serving.";

    // Loading takes seconds of a whole thread, of which the pool has few to spare. It goes on when the caller has gone: half a load helps nobody.
    private static Task<ModelEntry> Aside(Func<ModelEntry> change) =>
        Task.Factory.StartNew(change, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
