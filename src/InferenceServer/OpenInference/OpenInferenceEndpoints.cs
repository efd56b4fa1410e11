using InferenceServer.Auth;
using InferenceServer.Health;
using InferenceServer.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.OpenInference;

/// <summary>Endpoints of the Open Inference Protocol, version 2, over HTTP, for clients of KServe, Triton and OpenVINO
/// Model Server.</summary>
/// <remarks>Every error has the member <c>error</c>, which those clients read.</remarks>
internal static class OpenInferenceEndpoints
{
    private static readonly string[] Probes = [HttpMethods.Get, HttpMethods.Head];

    public static RouteGroupBuilder MapOpenInference(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/v2").WithTags("Open Inference Protocol");
        group.MapGet("/", () => TypedResults.Ok(new ServerMetadata()))
            .WithName("ServerMetadata")
            .WithSummary("Returns the server's name, version and extensions of the protocol.");
        group.MapMethods("/health/live", Probes, () => TypedResults.Ok())
            .WithName("ServerLive")
            .WithSummary("Returns 200 while the process runs.");
        group.MapMethods("/health/ready", Probes, ServerReady)
            .WithName("ServerReady")
            .WithSummary(
                "Returns 200 once the required models are warm, until the server stops.")
            .Produces(StatusCodes.Status200OK).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        group.MapDescriptions();
        group.MapGroup("/models").MapInfer();
        group.MapRepository();
        group.MapAbsent();
        return group;
    }

    private static void MapDescriptions(this RouteGroupBuilder group)
    {
        RouteGroupBuilder models = group.MapGroup("/models")
            .RequireScope(Scope.Infer | Scope.Admin)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        models.MapGet(
            "/{model}", (string model, ModelCatalog catalog) => TypedResults.Ok(catalog.Metadata(model, null)))
            .WithName("ModelMetadata")
            .WithSummary("Describes a model's inputs and outputs.");
        models.MapGet(
            "/{model}/versions/{version:int}",
            (string model, int version, ModelCatalog catalog) => TypedResults.Ok(catalog.Metadata(model, version)))
            .WithName("ModelVersionMetadata").WithSummary("Describes one version's inputs and outputs.");
        models.MapGet("/{model}/ready", (string model, ModelCatalog catalog) => Ready(model, null, catalog))
            .WithName("ModelReady")
            .WithSummary("Returns 200 where a model serves.");
        models.MapGet(
            "/{model}/versions/{version:int}/ready",
            (string model, int version, ModelCatalog catalog) => Ready(model, version, catalog))
            .WithName("ModelVersionReady").WithSummary("Returns 200 where this version serves.");
        models.MapGet(
            "/{model}/config",
            (string model, ModelCatalog catalog) => TypedResults.Ok(catalog.Configuration(model, null)))
            .WithName("ModelConfig")
            .WithSummary("Returns a model's configuration.");
        models.MapGet(
            "/{model}/versions/{version:int}/config",
            (string model, int version, ModelCatalog catalog) =>
                TypedResults.Ok(catalog.Configuration(model, version)))
            .WithName("ModelVersionConfig").WithSummary("Returns one version's configuration.");
        models.MapGet("/stats", (ModelCatalog catalog) => TypedResults.Ok(catalog.Statistics(null, null)))
            .WithName("Statistics")
            .WithSummary("Returns statistics of all models since the server started.");
        models.MapGet(
            "/{model}/stats",
            (string model, ModelCatalog catalog) => TypedResults.Ok(catalog.Statistics(model, null)))
            .WithName("ModelStatistics")
            .WithSummary("Returns a model's statistics.");
        models.MapGet(
            "/{model}/versions/{version:int}/stats",
            (string model, int version, ModelCatalog catalog) => TypedResults.Ok(catalog.Statistics(model, version)))
            .WithName("ModelVersionStatistics").WithSummary("Returns one version's statistics.");
    }

    // Unsupported extensions get 501, because 404 would look like a misspelt address.
    private static void MapAbsent(this RouteGroupBuilder group)
    {
        foreach ((string pattern, string extension, string instead) in ((string, string, string)[])
        [
            ("/systemsharedmemory/{**rest}", "system_shared_memory", "send tensors in the request"),
            ("/cudasharedmemory/{**rest}", "cuda_shared_memory", "send tensors in the request"),
            ("/trace/setting", "trace", "traces go to an OpenTelemetry collector"),
            ("/models/{model}/trace/setting", "trace", "traces go to an OpenTelemetry collector"),
            ("/models/{model}/versions/{version}/trace/setting", "trace", "traces go to an OpenTelemetry collector"),
            ("/logging", "logging", "configure the log before the start"),
            ("/models/{model}/generate", "generate", "models return masks"),
            ("/models/{model}/generate_stream", "generate", "models return masks"),
        ])
        {
            SegmentationException missing = ProtocolParameters.Missing(extension, instead);
            group.Map(pattern, IResult () => new Errors.ProblemResult(missing)).ExcludeFromDescription();
        }
    }

    private static IResult ServerReady(ModelRepository repository, Drain drain, TemporaryFolder folder) =>
        HealthEndpoints.NotReady(repository, drain, folder) ?? TypedResults.Ok();

    private static Ok Ready(string model, int? version, ModelCatalog catalog)
    {
        catalog.Find(model, version);
        return TypedResults.Ok();
    }
}
