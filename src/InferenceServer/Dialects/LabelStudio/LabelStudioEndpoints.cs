using System.Text.Json.Nodes;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>The routes of a machine learning backend of Label Studio.</summary>
internal static class LabelStudioEndpoints
{
    public static void MapLabelStudio(this IEndpointRouteBuilder routes)
    {
        (string, string)[] prefixes = [("/label-studio", "WithDefault"), ("/label-studio/models/{model}", "")];
        foreach ((string prefix, string suffix) in prefixes)
        {
            RouteGroupBuilder group = routes.MapGroup(prefix).WithTags("Label Studio");
            group.MapGet("/", Health).ExcludeFromDescription();
            group.MapGet("/health", Health).WithName("LabelStudioHealth" + suffix)
                .WithSummary("Tells Label Studio that the backend is up.");
            group.MapPost("/setup", Setup).WithName("LabelStudioSetup" + suffix).RequireScope(Scope.Infer)
                .WithSummary("Tells Label Studio which model predicts.").Accepts<JsonObject>("application/json");
            group.MapPost("/predict", PredictAsync).WithName("LabelStudioPredict" + suffix).Observed()
                .RequireScope(Scope.Infer, budgeted: true).Accepts<JsonObject>("application/json")
                .WithSummary("Predicts masks of tasks, as brush strokes or polygons.")
                .WithDescription(
                    "The project's labelling configuration chooses between them and names the labels. "
                    + "Images are fetched from Label Studio and from the hosts in `Fetch`.")
                .Produces<JsonObject>();
            group.MapPost("/webhook", Webhook).WithName("LabelStudioWebhook" + suffix).RequireScope(Scope.Infer)
                .WithSummary("Does nothing: models do not learn from annotations.")
                .Accepts<JsonObject>("application/json");
        }
    }

    private static Ok<JsonObject> Health() =>
        TypedResults.Ok(new JsonObject { ["status"] = "UP", ["model_class"] = "InferenceServer" });

    private static Ok<JsonObject> Setup(ModelRepository repository, string? model = null)
    {
        using ModelLease lease = repository.Lease(model);
        return TypedResults.Ok(new JsonObject { ["model_version"] = $"{lease.Model.Name}:{lease.Model.Version}" });
    }

    private static Created Webhook() => TypedResults.Created();

    private static async Task<Results<EmptyHttpResult, ProblemResult>> PredictAsync(
        HttpContext http, ModelRepository repository, Segmenter segmenter, TaskPredictor predictor, string? model = null)
    {
        AdmissionRequest admission = AdmissionRequestBinder.Bind(
            model, null, http.Request, SegmentSettingsBinder.BindHeaders(http.Request));
        using ModelLease lease = repository.Lease(model); // held, so that the same version answers all tasks
        // Admits before the body is read: a full server spends nothing on the request.
        admission = admission with { Held = lease };
        if (!segmenter.TryAdmit(admission, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        using (admitted)
        {
            await predictor.AnswerAsync(http, lease, admission with { Body = null, Bytes = 0 }, admitted);
        }

        return TypedResults.Empty;
    }
}
