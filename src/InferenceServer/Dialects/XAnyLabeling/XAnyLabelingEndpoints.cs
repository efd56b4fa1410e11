using System.Text.Json.Nodes;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.OpenInference;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;

namespace InferenceServer.Dialects.XAnyLabeling;

/// <summary>The routes of a remote server of X-AnyLabeling: its list of models, and predictions as polygons.</summary>
internal static class XAnyLabelingEndpoints
{
    // X-AnyLabeling makes a factor of 0.0001 of the lowest place of its slider, which leaves no corner out.
    private const int FinestMask = 1;

    public static void MapXAnyLabeling(this IEndpointRouteBuilder routes)
    {
        RouteGroupBuilder group = routes.MapGroup("/x-anylabeling/v1").WithTags("X-AnyLabeling").WithMetadata(new OwnKeyHeader("Token"));
        group.MapGet("/models", List).WithName("XAnyLabelingModels").RequireScope(Scope.Infer)
            .WithSummary("Lists the models that are ready, for X-AnyLabeling.");
        group.MapPost("/predict", PredictAsync).WithName("XAnyLabelingPredict").Observed()
            .RequireScope(Scope.Infer, budgeted: true).Accepts<JsonObject>("application/json").Produces<JsonObject>()
            .WithSummary("Segments an image for X-AnyLabeling.")
            .WithDescription(
                "The body is `{\"model\": name, \"image\": base64 or data URI, \"params\": {\"conf_threshold\": 0, "
                + "\"epsilon_factor\": 0, \"filter_classes\": []}}`, with the model before the image. The answer has a polygon for "
                + "each connected part of each class. The key may come as the header `Token`.");
    }

    private static Ok<JsonObject> List(ModelRepository repository) => TypedResults.Ok(new JsonObject
    {
        ["success"] = true,
        ["data"] = new JsonObject(
            repository.Entries.Where(e => e.Model is not null).Select(e => KeyValuePair.Create(e.Name, (JsonNode?)Describe(e.Model!)))),
    });

    private static JsonObject Describe(LoadedModel model) => new()
    {
        ["display_name"] = model.Name,
        ["batch_processing_mode"] = "default",
        ["classes"] = new JsonArray([.. model.Classes.Names.Select(name => (JsonNode)name)]),
        ["widgets"] = new JsonArray(
            Widget("button_run"), Widget("input_conf"), Widget("edit_conf", 0.0), Widget("mask_fineness_slider", FinestMask),
            Widget("mask_fineness_value_label"), Widget("button_classes_filter"),
            Widget("toggle_preserve_existing_annotations", false)),
    };

    private static JsonObject Widget(string name, JsonNode? value = null) => new() { ["name"] = name, ["value"] = value };

    private static async Task<Results<MaskResult, ProblemResult>> PredictAsync(HttpContext http, SegmentHandler handler)
    {
        handler.CheckLength(http.Request);
        // Only the body has the model's name, and a full server reads no image.
        using PooledBufferWriter head = new(SmallBody.MaxBytes);
        string model = await SmallBody.ReadAsync(http, timeout: null, end => PredictExchange.ReadModelAsync(http.Request, head, end));
        http.Observation().AskedFor(model);
        PredictExchange exchange = new(http.Request, head.Written);
        SegmentSettings settings = SegmentSettingsBinder.BindHeaders(http.Request) with { Format = exchange.Format };
        return await handler.AnswerAsync(
            http, AdmissionRequestBinder.Bind(model, null, http.Request, settings), settings, exchange.ReadAsync);
    }
}
