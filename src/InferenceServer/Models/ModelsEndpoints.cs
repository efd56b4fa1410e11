using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Models;

/// <summary>What models there are, how far they are, and what they tell apart.</summary>
internal static class ModelsEndpoints
{
    public static RouteGroupBuilder MapModels(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v1/models").WithTags("Models");
        group.MapGet("/", List).WithName("ListModels").WithSummary("Lists the models and their states.");
        group.MapGet("/{model}", Describe).WithName("DescribeModel").WithSummary("Describes one model: classes, colours, provider, preprocessing.")
            .ProducesProblem(StatusCodes.Status404NotFound);
        return group;
    }

    private static Ok<ModelList> List(ModelRepository repository) => TypedResults.Ok(new ModelList
    {
        Default = repository.Default,
        Models = [.. repository.Entries.Select(ModelOverview.Of)],
    });

    private static Ok<ModelDescription> Describe(string model, ModelRepository repository) => TypedResults.Ok(ModelDescription.Of(repository.Entry(model)));
}
