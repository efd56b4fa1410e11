using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using InferenceServer.Jobs;
using InferenceServer.Runtime.Manifests;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InferenceServer.OpenApi;

/// <summary>The OpenAPI document at /swagger/v1/swagger.json, and Swagger UI at /swagger.</summary>
internal static class OpenApiSetup
{
    public static void AddOpenApiDocument(this IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen(options =>
        {
            options.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "InferenceServer",
                Version = "v1",
                Description =
                    "Semantic segmentation: image in, mask out. Pick a file under `POST /v1/segment/{model}`, " +
                    "execute, and see the mask.",
            });
            // HEAD operations behave as GET, and would have the same name.
            options.DocInclusionPredicate((_, action) => action.HttpMethod != HttpMethods.Head);
            options.OrderActionsBy(TagsFilter.Order);
            options.SupportNonNullableReferenceTypes();
            options.NonNullableReferenceTypesAsRequired();
            options.MapType<JsonNode>(() => new OpenApiSchema());
            options.MapType<PadValue>(() => new OpenApiSchema
            {
                Description = "`mean`, `zero`, or a colour of 0 to 255: a number, or a number for each channel.",
            });
            options.MapType<SseItem<JobStatus>>(() => new OpenApiSchema
            {
                Type = JsonSchemaType.String,
                Description = "Events of the kind `message`; the data of each is a JobStatus.",
            });
            options.AddSecurityDefinition("key", new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description =
                    "A key or a token, where the server requires one. The header `X-API-Key` also takes a key.",
            });
            options.DocumentFilter<TagsFilter>();
            options.OperationFilter<KeyFilter>();
            options.OperationFilter<SegmentFilter>();
            options.DocumentFilter<SegmentFilter>();
            options.OperationFilter<OpenInferenceOperationFilter>();
            // Last, because it collects the errors that the other filters add.
            options.OperationFilter<ProblemFilter>();
            options.DocumentFilter<ProblemFilter>();
        });
        services.ConfigureHttpJsonOptions(options =>
        {
            options.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            options.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            options.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
        });
    }
}

/// <summary>The order of the groups of operations, most used first.</summary>
internal sealed class TagsFilter : IDocumentFilter
{
    private static readonly (string Name, string Description)[] Tags =
    [
        ("Segment", "Image in, mask out."),
        ("Models", "The served models; load and unload them."),
        ("Jobs", "Segment many images; fetch the masks later."),
        ("Open Inference Protocol", "The protocol of KServe and Triton, version 2."),
        ("Hugging Face", "The task image-segmentation of Hugging Face."),
        ("Label Studio", "A backend for Label Studio."),
        ("CVAT", "Functions for CVAT, in Nuclio's protocol."),
        ("rembg", "The form of rembg, which removes backgrounds."),
        ("X-AnyLabeling", "A remote server for X-AnyLabeling."),
        ("Health", "Probes."),
        ("Metrics", "Metrics for Prometheus."),
    ];

    /// <summary>The sort key of an operation.</summary>
    public static string Order(ApiDescription action)
    {
        string? tag = action.ActionDescriptor.EndpointMetadata.OfType<ITagsMetadata>().LastOrDefault()?.Tags[0];
        return $"{Array.FindIndex(Tags, known => known.Name == tag):D2} {action.RelativePath}";
    }

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context) =>
        swaggerDoc.Tags = Tags.Select(tag => new OpenApiTag { Name = tag.Name, Description = tag.Description }).ToHashSet();
}

/// <summary>Marks the operations that may need a key; Swagger UI sends a key only to those.</summary>
internal sealed class KeyFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<IAuthorizeData>().Any())
        {
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("key", context.Document)] = [] }];
        }
    }
}
