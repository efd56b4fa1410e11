using System.Text.Json.Nodes;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.Cvat;

/// <summary>The routes of Nuclio's dashboard that CVAT uses: each model is a function that detects masks.</summary>
internal static class CvatEndpoints
{
    private const string NameHeader = "x-nuclio-function-name";

    public static void MapCvat(this IEndpointRouteBuilder routes)
    {
        CvatOptions options = routes.ServiceProvider.GetRequiredService<IOptions<CvatOptions>>().Value;
        RouteGroupBuilder group = routes.MapGroup(options.Prefix + "/api").WithTags("CVAT");
        group.MapGet("/functions", List).WithName("CvatFunctions").RequireScope(Scope.Infer)
            .WithSummary("Lists the models that are ready, as functions of Nuclio.");
        group.MapGet("/functions/{model}", Describe).WithName("CvatFunction").RequireScope(Scope.Infer)
            .WithSummary("Describes one model as a function of Nuclio.").ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("/function_invocations", InvokeAsync).WithName("CvatInvoke").Observed()
            .RequireScope(Scope.Infer, budgeted: true).Accepts<JsonObject>("application/json").Produces<JsonArray>()
            .WithSummary("Segments a frame for CVAT.")
            .WithDescription(
                "The header `x-nuclio-function-name` names the model; the body is `{\"image\": base64, \"threshold\": 0.5}`. "
                + "The answer has a mask for each class, or for each connected part, as `Cvat:Masks` says.");
    }

    private static Ok<Dictionary<string, JsonObject>> List(HttpContext http, ModelRepository repository) =>
        TypedResults.Ok(
        repository.Entries.Where(e => e.Model is not null).ToDictionary(e => e.Name, e => CvatFunction.Describe(e.Model!, Port(http))));

    private static Ok<JsonObject> Describe(string model, HttpContext http, ModelRepository repository)
    {
        using ModelLease lease = repository.Lease(model);
        return TypedResults.Ok(CvatFunction.Describe(lease.Model, Port(http)));
    }

    private static Task<Results<MaskResult, ProblemResult>> InvokeAsync(
        HttpContext http, SegmentHandler handler, IOptions<CvatOptions> options)
    {
        string model = http.Request.Headers[NameHeader].ToString();
        if (model.Length == 0)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                $"{NameHeader}: expected a model's name in this header, got none. "
                + "GET /api/functions lists the models.");
        }

        http.Observation().AskedFor(model);
        CvatExchange exchange = new(http.Request, options.Value);
        SegmentSettings settings = SegmentSettingsBinder.BindHeaders(http.Request) with { Format = exchange.Format };
        return handler.AnswerAsync(
            http, AdmissionRequestBinder.Bind(model, null, http.Request, settings), settings, exchange.ReadAsync);
    }

    private static int Port(HttpContext http) => http.Connection.LocalPort;
}
