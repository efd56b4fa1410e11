using System.Text.Json.Nodes;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Metrics;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Dialects.LabelStudio;

/// <summary>The machine learning backend that Label Studio asks for predictions.</summary>
internal static class LabelStudioEndpoints
{
    public static void MapLabelStudio(this IEndpointRouteBuilder routes)
    {
        foreach ((string prefix, string suffix) in ((string, string)[])[("/label-studio", "WithDefault"), ("/label-studio/models/{model}", "")])
        {
            RouteGroupBuilder group = routes.MapGroup(prefix).WithTags("Label Studio");
            group.MapGet("/", Health).ExcludeFromDescription();
            group.MapGet("/health", Health).WithName("LabelStudioHealth" + suffix).WithSummary("Tells Label Studio that the backend is there.");
            group.MapPost("/setup", Setup).WithName("LabelStudioSetup" + suffix).RequireScope(Scope.Infer).WithSummary("Tells Label Studio which model predicts.").Accepts<JsonObject>("application/json");
            group.MapPost("/predict", PredictAsync).WithName("LabelStudioPredict" + suffix).Observed().RequireScope(Scope.Infer, budgeted: true).Accepts<JsonObject>("application/json")
                .WithSummary("Predicts masks of tasks, as brush strokes or polygons.").WithDescription("Which of them, and for which labels, the project's labelling configuration says. Images are fetched from Label Studio and from the hosts in `Fetch`.")
                .Produces<JsonObject>();
            group.MapPost("/webhook", Webhook).WithName("LabelStudioWebhook" + suffix).RequireScope(Scope.Infer).WithSummary("Takes note of nothing: models here do not learn from annotations.").Accepts<JsonObject>("application/json");
        }
    }

    private static Ok<JsonObject> Health() => TypedResults.Ok(new JsonObject { ["status"] = "UP", ["model_class"] = "InferenceServer" });

    private static Ok<JsonObject> Setup(ModelRepository repository, string? model = null)
    {
        using ModelLease lease = repository.Lease(model);
        return TypedResults.Ok(new JsonObject { ["model_version"] = $"{lease.Model.Name}:{lease.Model.Version}" });
    }

    private static Created Webhook() => TypedResults.Created();

    private static async Task<Results<EmptyHttpResult, ProblemResult>> PredictAsync(
        HttpContext http, ModelRepository repository, Segmenter segmenter, TaskPredictor predictor, string? model = null)
    {
        AdmissionRequest arrival = AdmissionRequestBinder.Bind(model, null, http.Request, SegmentSettingsBinder.BindHeaders(http.Request));
        using ModelLease lease = repository.Lease(model); // held, so that the same version answers all
        // Before the body is read: a full server spends nothing on it.
        if (!segmenter.TryAdmitTo(lease, arrival, out AdmittedRequest? admitted, out SegmentationException? refusal))
        {
            return new ProblemResult(refusal);
        }

        using (admitted)
        {
            await predictor.AnswerAsync(http, lease, arrival with { Bytes = 0 }, admitted);
        }

        return TypedResults.Empty;
    }
}
