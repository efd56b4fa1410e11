using System.Text.Json.Nodes;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using InferenceServer.Telemetry;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InferenceServer.OpenApi;

/// <summary>Describes the body of every error once; each operation has one response that refers to the
/// description.</summary>
internal sealed class ProblemFilter : IOperationFilter, IDocumentFilter
{
    private const string Problem = "Problem";
    private const string FirstError = "400";
    private const string ContentType = "application/problem+json";

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        ILookup<bool, KeyValuePair<string, IOpenApiResponse>> responses = (operation.Responses ?? [])
            .OrderBy(response => response.Key, StringComparer.Ordinal)
            .ToLookup(response => string.CompareOrdinal(response.Key, FirstError) >= 0);
        string[] statuses = [.. responses[true].Select(response => response.Key)];
        operation.Responses = [];
        foreach ((string status, IOpenApiResponse response) in responses[false])
        {
            operation.Responses.Add(status, response);
        }

        if (context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<ObservedRoute>().Any())
        {
            operation.Responses["default"] = new OpenApiResponseReference(Problem, context.Document);
        }
        else if (statuses.Length > 0)
        {
            operation.Responses["default"] = Response($"An error: {string.Join(" or ", statuses)}.", context.Document);
        }
    }

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        OpenApiComponents components = swaggerDoc.Components ??= new OpenApiComponents();
        components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        components.Schemas.Remove("ProblemDetails"); // the framework's class has fewer members
        components.Schemas[Problem] = Schema();
        components.Responses ??= new Dictionary<string, IOpenApiResponse>();
        IEnumerable<string> rows = ErrorTable.All
            .OrderBy(row => row.Status)
            .Select(row => $"| {row.Status} | `{row.Urn}` |");
        components.Responses[Problem] = Response(
            "An error. The status and the type identify the error:\n\n| status | type " +
            $"|\n|--:|---|\n{string.Join('\n', rows)}",
            swaggerDoc);
    }

    private static OpenApiResponse Response(string description, OpenApiDocument document) => new()
    {
        Description = description,
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            [ContentType] = new OpenApiMediaType { Schema = new OpenApiSchemaReference(Problem, document) },
        },
    };

    private static OpenApiSchema Schema() => new()
    {
        Type = JsonSchemaType.Object,
        Description = "RFC 9457.",
        Required = new HashSet<string> { "type", "title", "status", "detail", "error", "request_id" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["type"] = Text(
                "A URN that identifies the error, for programs.", ErrorTable.Of(SegmentationError.Overloaded).Urn),
            ["title"] = Text("The status in words.", "Too Many Requests"),
            ["status"] = Whole("The status of the response.", StatusCodes.Status429TooManyRequests),
            ["detail"] = Text(
                "What is wrong and what to change.", "As many requests as allowed are waiting; try again later."),
            ["error"] = Text(
                "The same as detail, for clients of the Open Inference Protocol.",
                "As many requests as allowed are waiting; try again later."),
            ["request_id"] = Text("The request's id in the server's log.", "0HNQEE189GKBT:00000001"),
            ["trace_id"] = Text(
                "The id of the trace, as in the header traceparent.",
                "00-69496f613211774a9bfea06007fe637d-1cacf65452d30684-00"),
            ["retry_after_ms"] = Whole(
                "When to try again, in milliseconds; only where that helps. The header Retry-After says the same " +
                "in seconds.",
                250),
        },
    };

    private static OpenApiSchema Text(string description, string example) =>
        new() { Type = JsonSchemaType.String, Description = description, Examples = [JsonValue.Create(example)] };

    private static OpenApiSchema Whole(string description, int example) =>
        new() { Type = JsonSchemaType.Integer, Description = description, Examples = [JsonValue.Create(example)] };
}
