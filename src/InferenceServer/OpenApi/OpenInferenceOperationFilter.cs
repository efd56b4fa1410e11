using System.Text.Json.Nodes;
using InferenceServer.OpenInference;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace InferenceServer.OpenApi;

/// <summary>Describes the bodies of the Open Inference Protocol, which the handlers read without model
/// binding.</summary>
internal sealed class OpenInferenceOperationFilter : IOperationFilter
{
    private const string Json = "application/json";
    private const string Binary = "application/octet-stream";

    private static readonly JsonNode Example = JsonNode.Parse(
        """{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": ["<the encoded image in """ +
        """base64>"]}], "outputs": [{"name": "mask", "parameters": {"binary_data": true}}]}""")!;

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        string path = context.ApiDescription.RelativePath ?? "";
        if (!path.StartsWith("v2/", StringComparison.Ordinal) || context.ApiDescription.HttpMethod != HttpMethods.Post)
        {
            return;
        }

        if (!path.EndsWith("/infer", StringComparison.Ordinal))
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Content = new Dictionary<string, IOpenApiMediaType>
                {
                    [Json] = new OpenApiMediaType { Schema = Object() },
                },
            };
            return;
        }

        operation.Parameters = [.. operation.Parameters ?? [], new OpenApiParameter
        {
            Name = InferBody.HeaderLength,
            In = ParameterLocation.Header,
            Description =
                "Bytes of JSON before the binary tensors; 0 where the body is the only input. " +
                "Absent where the body is JSON alone.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.Integer, Minimum = "0" },
        }];
        operation.RequestBody = new OpenApiRequestBody
        {
            Required = true,
            Description = "`inputs`, and optionally `id`, `parameters` and `outputs`.",
            Content = new Dictionary<string, IOpenApiMediaType>
            {
                [Json] = new OpenApiMediaType { Schema = Request(), Example = Example.DeepClone() },
                [Binary] = new OpenApiMediaType { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } },
            },
        };
        operation.Responses ??= [];
        operation.Responses["200"] = new OpenApiResponse
        {
            Description =
                "`model_name`, `model_version`, `id` and `outputs`; where the request asks for bytes, the output's " +
                $"bytes after the JSON, and the header {InferBody.HeaderLength}.",
            Content = new Dictionary<string, IOpenApiMediaType>
            {
                [Json] = new OpenApiMediaType
                {
                    Schema = Object(
                        ("model_name", Text()), ("model_version", Text()), ("id", Text()),
                        ("outputs", Array(Tensor()))),
                },
                [Binary] = new OpenApiMediaType { Schema = new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" } },
            },
        };
    }

    private static OpenApiSchema Request()
    {
        OpenApiSchema request = Object(
            ("id", Text()), ("parameters", Object()), ("inputs", Array(Tensor())),
            ("outputs", Array(Object(("name", Text()), ("parameters", Object())))));
        request.Required = new HashSet<string> { "inputs" };
        return request;
    }

    private static OpenApiSchema Tensor() => Object(
        ("name", Text()), ("datatype", Text()), ("shape", Array(new OpenApiSchema { Type = JsonSchemaType.Integer })),
        ("parameters", Object()), ("data", Array(new OpenApiSchema())));

    private static OpenApiSchema Object(params (string Name, OpenApiSchema Schema)[] members) =>
        new() { Type = JsonSchemaType.Object, Properties = members.ToDictionary(m => m.Name, IOpenApiSchema (m) => m.Schema) };

    private static OpenApiSchema Array(OpenApiSchema items) => new() { Type = JsonSchemaType.Array, Items = items };

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };
}
