using Google.Protobuf;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Health;
using InferenceServer.Hosting;
using InferenceServer.Models;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using InferenceServer.Telemetry;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The gRPC services: inference, whose methods need the same scopes as the endpoints over HTTP, health and
/// reflection.</summary>
internal static class GrpcEndpoints
{
    public static void MapGrpc(this WebApplication app)
    {
        if (string.IsNullOrEmpty(app.Services.GetRequiredService<IOptions<OpenInferenceOptions>>().Value.GrpcUrl))
        {
            return;
        }

        RouteGroupBuilder service = app.MapGroup("/" + GrpcServices.Inference);
        service.MapServer(app.Services);
        service.MapModels(app.Services.GetRequiredService<ModelCatalog>());
        service.MapRepository(app.Services);
        service.MapCall("/ModelInfer", GrpcInfer.HandleAsync).Observed().RequireScope(Scope.Infer, budgeted: true);
        service.MapCall("/ModelStreamInfer", app.Services.GetRequiredService<GrpcStream>().HandleAsync).Observed()
            .RequireScope(Scope.Infer, budgeted: true);
        GrpcServices services = app.Services.GetRequiredService<GrpcServices>();
        services.Limit(app.MapGrpcHealthChecksService());
        services.Limit(app.MapGrpcReflectionService());
        foreach (string name in GrpcServices.Names)
        {
            app.MapCall($"/{name}/{{method}}", Absent);
        }
    }

    private static void MapServer(this RouteGroupBuilder service, IServiceProvider services)
    {
        ModelRepository repository = services.GetRequiredService<ModelRepository>();
        Drain drain = services.GetRequiredService<Drain>();
        TemporaryFolder folder = services.GetRequiredService<TemporaryFolder>();
        service.MapCall("/ServerLive", ServerLiveRequest.Parser, (_, _) => Now(new ServerLiveResponse { Live = true }));
        service.MapCall(
            "/ServerReady", ServerReadyRequest.Parser,
            (_, _) => Now(new ServerReadyResponse { Ready = HealthEndpoints.NotReady(repository, drain, folder) is null }));
        service.MapCall("/ServerMetadata", ServerMetadataRequest.Parser, (_, _) =>
        {
            ServerMetadata server = new();
            return Now(new ServerMetadataResponse { Name = server.Name, Version = server.Version, Extensions = { server.Extensions } });
        });
    }

    private static void MapModels(this RouteGroupBuilder service, ModelCatalog catalog)
    {
        RouteGroupBuilder models = service.MapGroup("").RequireScope(Scope.Infer | Scope.Admin);
        models.MapCall(
            "/ModelReady", ModelReadyRequest.Parser,
            (r, _) => Now(new ModelReadyResponse { Ready = IsReady(catalog, r.Name, GrpcInfer.Version(r.Version)) }));
        models.MapCall(
            "/ModelMetadata", ModelMetadataRequest.Parser,
            (r, _) => Now(DescriptionMessages.Of(catalog.Metadata(r.Name, GrpcInfer.Version(r.Version)))));
        models.MapCall(
            "/ModelConfig", ModelConfigRequest.Parser,
            (r, _) =>
                Now(
                    new ModelConfigResponse
                    {
                        Config = DescriptionMessages.Of(catalog.Configuration(r.Name, GrpcInfer.Version(r.Version))),
                    }));
        models.MapCall(
            "/ModelStatistics", ModelStatisticsRequest.Parser,
            (r, _) => Now(DescriptionMessages.Of(catalog.Statistics(r.Name, GrpcInfer.Version(r.Version)))));
        models.MapCall("/RepositoryIndex", RepositoryIndexRequest.Parser, (r, _) => Now(DescriptionMessages.Of(catalog.Index(r.Ready))));
    }

    private static void MapRepository(this RouteGroupBuilder service, IServiceProvider services)
    {
        ModelLifecycle lifecycle = services.GetRequiredService<ModelLifecycle>();
        ModelCatalog catalog = services.GetRequiredService<ModelCatalog>();
        RouteGroupBuilder repository = service.MapGroup("").RequireScope(Scope.Admin)
            .ForOperators(
                " Send the request to the management address: POST " +
                "/v2/repository/models/{model}/load or /unload.");
        repository.MapCall("/RepositoryModelLoad", RepositoryModelLoadRequest.Parser, async (r, _) =>
        {
            RepositoryEndpoints.RefuseOverrides(r.Parameters.Keys);
            ModelEntry entry = await lifecycle.LoadAsync(catalog.View(r.ModelName).Model);
            if (ModelLifecycle.Failure(entry) is { } failure)
            {
                throw new SegmentationException(SegmentationError.InvalidRequest, failure);
            }

            return new RepositoryModelLoadResponse();
        }, RepositoryEndpoints.MaxLoadBytes);
        repository.MapCall("/RepositoryModelUnload", RepositoryModelUnloadRequest.Parser, async (r, _) =>
        {
            await lifecycle.UnloadAsync(catalog.View(r.ModelName).Model);
            return new RepositoryModelUnloadResponse();
        });
    }

    // A loading model is not ready, which is a normal response; a missing model is an error.
    private static bool IsReady(ModelCatalog catalog, string name, int? version)
    {
        try
        {
            catalog.Find(name, version);
            return true;
        }
        catch (SegmentationException e) when (e.Error == SegmentationError.ModelNotReady)
        {
            return false;
        }
    }

    private static Task Absent(HttpContext http) => throw new SegmentationException(
        ErrorTable.NotSupported,
        $"The method {http.Request.Path.Value!.TrimStart('/')} does not exist: streams, shared memory, tracing and " +
        "logging are not supported.");

    private static Task<IMessage> Now(IMessage message) => Task.FromResult(message);
}
