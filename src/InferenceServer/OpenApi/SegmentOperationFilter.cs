using System.Text.Json.Nodes;
using InferenceServer.Runtime.Models;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InferenceServer.OpenApi;

/// <summary>Describes the image body, which Swagger UI then offers a file picker for, and the forms that a mask comes in.</summary>
internal sealed class SegmentOperationFilter(IOptions<ModelRepositoryOptions> models) : IOperationFilter
{
    private static readonly string[] ImageTypes = ["image/jpeg", "image/png", "image/webp", "image/tiff", "image/avif", "image/gif"];

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (context.ApiDescription.RelativePath is not "v1/segment" && context.ApiDescription.RelativePath?.StartsWith("v1/segment/", StringComparison.Ordinal) is not true)
        {
            return;
        }

        Dictionary<string, IOpenApiMediaType> content = ImageTypes.ToDictionary(t => t, IOpenApiMediaType (_) => new OpenApiMediaType { Schema = Binary() });
        content["multipart/form-data"] = new OpenApiMediaType
        {
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Properties = new Dictionary<string, IOpenApiSchema> { ["image"] = Binary() },
                Required = new HashSet<string> { "image" },
            },
        };
        content["application/json"] = new OpenApiMediaType
        {
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description = "Where an image is, on one of the hosts that the server's operator has listed.",
                Properties = new Dictionary<string, IOpenApiSchema> { ["url"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uri" } },
                Required = new HashSet<string> { "url" },
            },
        };
        Describe(operation.Parameters ?? []);
        operation.RequestBody = new OpenApiRequestBody { Required = true, Description = "The encoded photograph.", Content = content };
        operation.Responses ??= [];
        operation.Responses["200"] = new OpenApiResponse
        {
            Description = "The mask, as large as the upright photograph. Headers: X-Model, X-Model-Version, X-Image-Width, X-Image-Height, Server-Timing.",
            Content = MaskNegotiation.ContentTypes.ToDictionary(t => t, IOpenApiMediaType (t) => new OpenApiMediaType
            {
                Schema = t switch
                {
                    "application/json" => context.SchemaGenerator.GenerateSchema(typeof(Runtime.Formats.MaskSummary), context.SchemaRepository),
                    "application/geo+json" => new OpenApiSchema { Type = JsonSchemaType.Object },
                    _ => Binary(),
                },
            }),
        };
    }

    private void Describe(IEnumerable<IOpenApiParameter> parameters)
    {
        foreach (OpenApiParameter parameter in parameters.OfType<OpenApiParameter>())
        {
            switch (parameter.Name)
            {
                case "model":
                    parameter.Description = "A model's name; GET /v1/models lists them.";
                    parameter.Example = models.Value.Default is { } standard ? JsonValue.Create(standard) : null; // a press on Execute then works
                    break;
                case "version":
                    parameter.Description = "The number of a version that serves.";
                    parameter.Example = JsonValue.Create(1);
                    break;
                case "format":
                    parameter.Schema = Choice(MaskNegotiation.Formats);
                    break;
                case "counts":
                    parameter.Schema = Choice(MaskNegotiation.Counts);
                    break;
                case "tolerance":
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Number, Minimum = "0", Maximum = "1000" };
                    break;
                case "timeout":
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "1" };
                    break;
                case "priority":
                    parameter.Schema = Choice(AdmissionRequestBinder.Priorities);
                    break;
                case "mode":
                    parameter.Schema = Choice(InferenceQuery.Modes);
                    break;
                case "resize":
                    parameter.Schema = Choice(InferenceQuery.Resizes);
                    break;
                case "fuse":
                    parameter.Schema = Choice(InferenceQuery.Fuses);
                    break;
                case "flip":
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Boolean };
                    break;
                case "stride_rate":
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Number, ExclusiveMinimum = "0", Maximum = "1" };
                    break;
                case "refine":
                    parameter.Schema = Choice(RefinementQuery.Refinements);
                    break;
                case "crf.quality":
                    parameter.Schema = Choice(RefinementQuery.Qualities);
                    break;
                case "alpha":
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Number, Minimum = "0", Maximum = "1" };
                    break;
                case "crf.iterations":
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "0" };
                    break;
                case { } name when name.StartsWith("crf.", StringComparison.Ordinal):
                    parameter.Schema = new OpenApiSchema { Type = JsonSchemaType.Number, Minimum = "0" };
                    break;
            }
        }
    }

    private static OpenApiSchema Choice(IEnumerable<string> words) => new() { Type = JsonSchemaType.String, Enum = [.. words.Select(w => (JsonNode)w)] };

    private static OpenApiSchema Binary() => new() { Type = JsonSchemaType.String, Format = "binary" };
}
