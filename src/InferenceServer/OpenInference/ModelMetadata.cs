using System.Reflection;

namespace InferenceServer.OpenInference;

/// <summary>What the server is and what it can.</summary>
public sealed record ServerMetadata
{
    private static readonly string OwnVersion =
        typeof(ServerMetadata).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? "";

    /// <summary>Its name.</summary>
    public string Name { get; init; } = "inference-server";

    /// <summary>Its version.</summary>
    public string Version { get; init; } = OwnVersion;

    /// <summary>The protocol's extensions that it has; requests that need another are answered with 501.</summary>
    public IReadOnlyList<string> Extensions { get; init; } =
    [
        "binary_tensor_data", "model_configuration", "model_repository", "parameters", "schedule_policy", "statistics"
    ];
}

/// <summary>What a model takes and gives.</summary>
public sealed record ModelMetadata
{
    /// <summary>Its name: of the repository for the graph as it is, with <c>.image</c> behind it for image in, mask out.</summary>
    public required string Name { get; init; }

    /// <summary>The versions that serve, the newest first.</summary>
    public required IReadOnlyList<string> Versions { get; init; }

    /// <summary>What computes it.</summary>
    public string Platform { get; init; } = "onnxruntime_onnx";

    /// <summary>Its one input.</summary>
    public required IReadOnlyList<TensorMetadata> Inputs { get; init; }

    /// <summary>Its one output.</summary>
    public required IReadOnlyList<TensorMetadata> Outputs { get; init; }
}

/// <summary>An input or output of a model.</summary>
public sealed record TensorMetadata
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its element type: FP32, UINT8, INT8, INT32, INT64 or BYTES.</summary>
    public required string Datatype { get; init; }

    /// <summary>Its sides; −1 where a request chooses.</summary>
    public required IReadOnlyList<long> Shape { get; init; }
}

/// <summary>The protocol's names of element types.</summary>
internal static class Datatype
{
    public const string Bytes = "BYTES";
    public const string Float32 = "FP32";
    public const string UInt8 = "UINT8";

    /// <summary>Of an element type in ONNX's terms.</summary>
    public static string Of(string elementType) => elementType switch
    {
        "float16" => "FP16",
        "float32" => Float32,
        "float64" => "FP64",
        _ => elementType.ToUpperInvariant(),
    };

    /// <summary>The same in a model's configuration.</summary>
    public static string Configured(string datatype) => datatype == Bytes ? "TYPE_STRING" : "TYPE_" + datatype;
}
