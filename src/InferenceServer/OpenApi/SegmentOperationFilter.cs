using System.Globalization;
using System.Text.Json.Nodes;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Parameters;
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
        string path = (context.ApiDescription.RelativePath ?? "").TrimEnd('/');
        bool isSegment = path is "v1/segment" || path.StartsWith("v1/segment/", StringComparison.Ordinal);
        if (isSegment || path is "v1/segment:batch" || (path is "v1/jobs" && context.ApiDescription.HttpMethod == HttpMethods.Post))
        {
            Describe(operation);
        }

        if (!isSegment)
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
                Description = "One of both: the image in base64, or its URL on a host that the server's operator has listed.",
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["image"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "byte" },
                    ["url"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uri" },
                },
            },
        };
        operation.RequestBody = new OpenApiRequestBody { Required = true, Description = "The encoded image.", Content = content };
        operation.Responses ??= [];
        operation.Responses["200"] = new OpenApiResponse
        {
            Description = "The mask, as large as the upright image. Headers: X-Model, X-Model-Version, X-Image-Width, X-Image-Height, Server-Timing.",
            Content = MaskFormat.All.Select(f => f.MediaType).Distinct().ToDictionary(t => t, IOpenApiMediaType (t) => new OpenApiMediaType
            {
                Schema = t switch
                {
                    "application/json" => context.SchemaGenerator.GenerateSchema(typeof(MaskSummary), context.SchemaRepository),
                    "application/geo+json" => new OpenApiSchema { Type = JsonSchemaType.Object },
                    _ => Binary(),
                },
            }),
        };
    }

    private void Describe(OpenApiOperation operation)
    {
        operation.Parameters ??= [];
        foreach (OpenApiParameter parameter in operation.Parameters.OfType<OpenApiParameter>())
        {
            if (parameter.Name == "model")
            {
                parameter.Description = "A model's name; GET /v1/models lists them.";
                parameter.Example = models.Value.Default is { } standard ? JsonValue.Create(standard) : null; // a press on Execute then works
            }
            else if (parameter.Name == "version")
            {
                parameter.Description = "The number of a version that serves.";
                parameter.Example = JsonValue.Create(1);
            }
        }

        foreach (RequestParameter parameter in RequestParameters.All)
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = parameter.Name,
                In = ParameterLocation.Query,
                Description = Description(parameter),
                Schema = Schema(parameter),
            });
        }
    }

    private static string Description(RequestParameter parameter)
    {
        string formats = parameter.Name == "format" ? " " + string.Join("; ", MaskFormat.All.Select(f => $"{f.Name}: {f.Description}")) + "." : "";
        string usual = parameter.Default is { } value ? $" Default: {value}." : parameter.Group is ParameterGroup.Passes or ParameterGroup.Refinement ? " Default: the model's." : "";
        return parameter.Description + formats + usual;
    }

    private static OpenApiSchema Schema(RequestParameter parameter)
    {
        OpenApiSchema schema = new()
        {
            Type = parameter.Type switch
            {
                ParameterType.Number => JsonSchemaType.Number,
                ParameterType.Whole => JsonSchemaType.Integer,
                ParameterType.Flag => JsonSchemaType.Boolean,
                _ => JsonSchemaType.String,
            },
            Maximum = parameter.Maximum?.ToString(CultureInfo.InvariantCulture),
            Enum = parameter.Words.Count > 0 ? [.. parameter.Words.Select(w => (JsonNode)w)] : null,
            Examples = parameter.Example is { } example && parameter.Type == ParameterType.Text ? [JsonValue.Create(example)] : null,
        };
        string? minimum = parameter.Minimum?.ToString(CultureInfo.InvariantCulture);
        schema.Minimum = parameter.IsAboveMinimum ? null : minimum;
        schema.ExclusiveMinimum = parameter.IsAboveMinimum ? minimum : null;
        return schema;
    }

    private static OpenApiSchema Binary() => new() { Type = JsonSchemaType.String, Format = "binary" };
}
