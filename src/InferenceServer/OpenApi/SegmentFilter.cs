using System.Globalization;
using System.Text.Json.Nodes;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Parameters;
using InferenceServer.Segment;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InferenceServer.OpenApi;

/// <summary>Describes the request parameters, the image body and the formats of a mask once; each operation that
/// segments refers to the descriptions.</summary>
internal sealed class SegmentFilter(IOptions<ModelRepositoryOptions> models) : IOperationFilter, IDocumentFilter
{
    private const string Image = "Image";
    private const string Mask = "Mask";
    private const string JobExample =
        """
        {"model": "camvid-deeplabv3plus", "parameters": {"format": "png"},
         "sources": [{"uri": "s3://bucket/images/", "glob": "*.tif"}], "target": {"uri": "s3://bucket/masks/", "existing": "fail"}}
        """;
    private static readonly string[] ImageTypes = ["image/jpeg", "image/png", "image/webp", "image/tiff", "image/avif", "image/gif"];

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        string path = (context.ApiDescription.RelativePath ?? "").TrimEnd('/');
        bool isSegment = path is "v1/segment" || path.StartsWith("v1/segment/", StringComparison.Ordinal);
        bool isJob = path is "v1/jobs" && context.ApiDescription.HttpMethod == HttpMethods.Post;
        if (isSegment || isJob || path is "v1/segment:batch")
        {
            AddParameters(operation, context.Document, RequestParameters.All);
        }

        if (path is "v1/refine")
        {
            AddParameters(operation, context.Document, RequestParameters.OfRefinement);
            operation.RequestBody = Form();
            operation.Responses ??= [];
            operation.Responses["200"] = new OpenApiResponseReference(Mask, context.Document);
        }

        if (isJob && operation.RequestBody?.Content is { } bodies)
        {
            bodies["application/json"] = new OpenApiMediaType
            {
                Schema = context.SchemaGenerator.GenerateSchema(typeof(JobRequest), context.SchemaRepository),
                Example = JsonNode.Parse(JobExample),
            };
            // What has a default may be left out.
            Require(context.SchemaRepository, nameof(JobRequest), "sources");
            Require(context.SchemaRepository, nameof(JobTarget));
        }

        if (isSegment || path is "v1/refine")
        {
            operation.Parameters!.Add(new OpenApiParameter
            {
                Name = LatticeHeader.Name,
                In = ParameterLocation.Header,
                Description =
                    "`new`, or the value of this header in an earlier answer: keeps the lattice of the CRF for the next request on the "
                    + "same image.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            });
        }

        if (isSegment)
        {
            operation.RequestBody = new OpenApiRequestBodyReference(Image, context.Document);
            operation.Responses ??= [];
            operation.Responses["200"] = new OpenApiResponseReference(Mask, context.Document);
        }
    }

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        OpenApiComponents components = swaggerDoc.Components ??= new OpenApiComponents();
        components.Parameters = RequestParameters.All.Union(RequestParameters.OfRefinement).ToDictionary(
            parameter => parameter.Name, IOpenApiParameter (parameter) => Parameter(parameter));
        components.RequestBodies = new Dictionary<string, IOpenApiRequestBody> { [Image] = Body() };
        components.Responses ??= new Dictionary<string, IOpenApiResponse>();
        components.Responses[Mask] = new OpenApiResponse
        {
            Description =
                "The mask, as large as the upright image. Headers: X-Model, X-Model-Version, X-Image-Width, " +
                "X-Image-Height, Server-Timing.",
            Content = MaskFormat.All.GroupBy(format => format.MediaType)
                .ToDictionary(type => type.Key, IOpenApiMediaType (type) => new OpenApiMediaType
            {
                Schema = Schema(type.Key, context),
                Examples = type.ToDictionary(format => format.Name, FormatExamples.Of),
            }),
        };
    }

    private static void Require(SchemaRepository schemas, string name, params string[] members)
    {
        if (schemas.Schemas[name] is OpenApiSchema schema)
        {
            schema.Required = new HashSet<string>(members);
        }
    }

    private void AddParameters(OpenApiOperation operation, OpenApiDocument document, IReadOnlyList<RequestParameter> parameters)
    {
        operation.Parameters ??= [];
        foreach (OpenApiParameter parameter in operation.Parameters.OfType<OpenApiParameter>())
        {
            if (parameter.Name == "model")
            {
                parameter.Description = "A model's name; GET /v1/models lists them.";
                // With an example, Execute works without further input.
                parameter.Example = models.Value.Default is { } standard ? JsonValue.Create(standard) : null;
            }
            else if (parameter.Name == "version")
            {
                parameter.Description = "The number of a serving version.";
                parameter.Example = JsonValue.Create(1);
            }
        }

        foreach (RequestParameter parameter in parameters)
        {
            operation.Parameters.Add(new OpenApiParameterReference(parameter.Name, document));
        }
    }

    private static OpenApiRequestBody Body()
    {
        Dictionary<string, IOpenApiMediaType> content = ImageTypes.ToDictionary(
            t => t, IOpenApiMediaType (_) => new OpenApiMediaType { Schema = Binary() });
        content["multipart/form-data"] = new OpenApiMediaType
        {
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["image"] = Binary(),
                    ["background"] = Binary(
                        "For format=cutout: an image that is laid behind the object. Its largest central part with the image's "
                        + "aspect ratio is resized to the image's size."),
                },
                Required = new HashSet<string> { "image" },
            },
        };
        content["application/json"] = new OpenApiMediaType
        {
            Schema = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Description =
                    "Either the image in base64, or the image's URL on a host that the server's operator has listed.",
                Properties = new Dictionary<string, IOpenApiSchema>
                {
                    ["image"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "byte" },
                    ["url"] = new OpenApiSchema { Type = JsonSchemaType.String, Format = "uri" },
                },
            },
        };
        return new OpenApiRequestBody { Required = true, Description = "The encoded image.", Content = content };
    }

    private static OpenApiRequestBody Form() => new()
    {
        Required = true,
        Description = "The image, what another tool made of it, and kernels where the usual two do not do.",
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            ["multipart/form-data"] = new OpenApiMediaType
            {
                Schema = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Properties = new Dictionary<string, IOpenApiSchema>
                    {
                        ["image"] = Binary("The encoded image. Send it first: then a wrong size is told before the array is sent."),
                        ["probabilities"] = Binary(
                            "A NumPy file (.npy) of float32 or float16, [classes, height, width] at the size of the upright image. One "
                            + "class is the foreground of two."),
                        ["label_map"] = Binary("In place of probabilities: class indices as grey or indexed PNG; 255 is void."),
                        ["kernels"] = new OpenApiSchema
                        {
                            Type = JsonSchemaType.String,
                            Description = "JSON: one to four kernels, in place of those of crf.gaussian and crf.bilateral.",
                        },
                    },
                    Required = new HashSet<string> { "image" },
                },
            },
        },
    };

    private static OpenApiSchema Schema(string mediaType, DocumentFilterContext context) => mediaType switch
    {
        "application/json" => new OpenApiSchema
        {
            AnyOf =
            [
                context.SchemaGenerator.GenerateSchema(typeof(MaskSummary), context.SchemaRepository),
                new OpenApiSchema { Type = JsonSchemaType.Object }
            ],
        },
        "application/geo+json" => new OpenApiSchema { Type = JsonSchemaType.Object },
        _ => Binary(),
    };

    private static OpenApiParameter Parameter(RequestParameter parameter)
    {
        bool isFormat = parameter.Name == "format";
        OpenApiParameter described = new()
        {
            Name = parameter.Name,
            In = ParameterLocation.Query,
            Description = Description(parameter),
            Schema = Schema(parameter),
        };
        if (isFormat)
        {
            described.Examples = MaskFormat.All.ToDictionary(format => format.Name, IOpenApiExample (format) => new OpenApiExample
            {
                Summary = FormatExamples.Summary(format),
                Value = JsonValue.Create(format.Name),
                Extensions = new Dictionary<string, IOpenApiExtension> { ["x-extension"] = new JsonNodeExtension(format.Extension) },
            });
        }

        return described;
    }

    private static string Description(RequestParameter parameter)
    {
        string description = parameter.Description + HeaderOf(parameter.Name);
        // In the text: Swagger UI would fill in an example of the schema and send it, and some exclude each other.
        if (parameter is { Example: { } example, Type: ParameterType.Text })
        {
            description += $" Example: {example}.";
        }

        if (parameter.Default is { } value)
        {
            return $"{description} Default: {value}.";
        }

        bool isOfModel = parameter.Group is ParameterGroup.Passes or ParameterGroup.Refinement;
        if (isOfModel)
        {
            description += " Default: the model's.";
        }

        return description;
    }

    private static string HeaderOf(string parameter) => parameter switch
    {
        "format" => " Without this parameter the Accept header decides; overlay is a JPEG where Accept prefers JPEG.",
        "timeout" => " The header X-Request-Timeout-Ms also limits the time.",
        "priority" => " The header X-Priority has the same effect.",
        _ => "",
    };

    private static OpenApiSchema Schema(RequestParameter parameter)
    {
        string? minimum = parameter.Minimum?.ToString(CultureInfo.InvariantCulture);
        return new OpenApiSchema
        {
            Type = parameter.Type switch
            {
                ParameterType.Number => JsonSchemaType.Number,
                ParameterType.Whole => JsonSchemaType.Integer,
                ParameterType.Flag => JsonSchemaType.Boolean,
                _ => JsonSchemaType.String,
            },
            Minimum = parameter.IsAboveMinimum ? null : minimum,
            ExclusiveMinimum = parameter.IsAboveMinimum ? minimum : null,
            Maximum = parameter.Maximum?.ToString(CultureInfo.InvariantCulture),
            Enum = parameter.Words.Count > 0 ? [.. parameter.Words.Select(word => (JsonNode)word)] : null,
        };
    }

    private static OpenApiSchema Binary(string? description = null) =>
        new() { Type = JsonSchemaType.String, Format = "binary", Description = description };
}
