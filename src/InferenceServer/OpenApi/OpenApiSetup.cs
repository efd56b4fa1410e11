using Microsoft.OpenApi;

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
                Description = "Semantic segmentation: image in, mask out. Pick a file under `POST /v1/segment/{model}`, execute, and see its mask.",
            });
            options.DocInclusionPredicate((_, action) => action.HttpMethod != HttpMethods.Head); // they answer as GET does, and would bear its name
            options.OrderActionsBy(action => (action.RelativePath!.StartsWith("v1/segment", StringComparison.Ordinal) ? "0" : "1") + action.RelativePath);
            options.AddSecurityDefinition("key", new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A key or a token, where the server asks for one; the header `X-API-Key` takes a key as well.",
            });
            options.OperationFilter<KeyOperationFilter>();
            options.OperationFilter<SegmentOperationFilter>();
            options.OperationFilter<ProblemOperationFilter>();
            options.OperationFilter<OpenInferenceOperationFilter>();
        });
        services.ConfigureHttpJsonOptions(options =>
        {
            options.SerializerOptions.PropertyNamingPolicy = System.Text.Json.JsonNamingPolicy.SnakeCaseLower;
            options.SerializerOptions.DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull;
            options.SerializerOptions.Converters.Add(new System.Text.Json.Serialization.JsonStringEnumConverter(System.Text.Json.JsonNamingPolicy.SnakeCaseLower));
        });
    }
}
