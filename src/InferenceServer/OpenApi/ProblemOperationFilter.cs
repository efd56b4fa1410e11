using System.Globalization;
using InferenceServer.Metrics;
using InferenceServer.Errors;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InferenceServer.OpenApi;

/// <summary>Lists the problems that segmenting can answer with: one row for each status, from the closed list of errors.</summary>
internal sealed class ProblemOperationFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (!context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<ObservedRoute>().Any())
        {
            return;
        }

        operation.Responses ??= [];
        foreach (IGrouping<int, SegmentationError> errors in Enum.GetValues<SegmentationError>().Except([SegmentationError.NotSupported]).GroupBy(ProblemStatus.Of))
        {
            operation.Responses[errors.Key.ToString(CultureInfo.InvariantCulture)] = new OpenApiResponse
            {
                Description = string.Join(" or ", errors),
                Content = new Dictionary<string, IOpenApiMediaType>
                {
                    ["application/problem+json"] = new OpenApiMediaType { Schema = context.SchemaGenerator.GenerateSchema(typeof(ProblemDetails), context.SchemaRepository) },
                },
            };
        }
    }
}

/// <summary>Says which operations may ask for a key; Swagger UI sends one only there.</summary>
internal sealed class KeyOperationFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<IAuthorizeData>().Any())
        {
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("key", context.Document)] = [] }];
        }
    }
}
