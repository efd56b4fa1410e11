using System.Globalization;
using System.Reflection;
using InferenceServer.Hosting;
using InferenceServer.Runtime.Models;

namespace InferenceServer.OpenInference;

/// <summary>Name, version and extensions of the server.</summary>
public sealed record ServerMetadata
{
    /// <summary>The server's name.</summary>
    public string Name { get; init; } = "inference-server";

    /// <summary>The server's version.</summary>
    public string Version { get; init; } = Arguments.Version;

    /// <summary>The supported extensions of the protocol; a request for another extension gets 501.</summary>
    public IReadOnlyList<string> Extensions { get; init; } =
    [
        "binary_tensor_data", "model_configuration", "model_repository", "parameters", "schedule_policy", "statistics"
    ];
}

/// <summary>Inputs and outputs of a model.</summary>
public sealed record ModelMetadata
{
    /// <summary>The model's name for its tensor form, followed by <c>.image</c> for its image form.</summary>
    public required string Name { get; init; }

    /// <summary>The serving versions, the newest first.</summary>
    public required IReadOnlyList<string> Versions { get; init; }

    /// <summary>The platform.</summary>
    public string Platform { get; init; } = "onnxruntime_onnx";

    /// <summary>The only input.</summary>
    public required IReadOnlyList<TensorMetadata> Inputs { get; init; }

    /// <summary>The only output.</summary>
    public required IReadOnlyList<TensorMetadata> Outputs { get; init; }
}

/// <summary>An input or output of a model.</summary>
public sealed record TensorMetadata
{
    /// <summary>The tensor's name.</summary>
    public required string Name { get; init; }

    /// <summary>The element type: FP32, UINT8, INT8, INT32, INT64 or BYTES.</summary>
    public required string Datatype { get; init; }

    /// <summary>The sides; −1 where the request chooses.</summary>
    public required IReadOnlyList<long> Shape { get; init; }
}

/// <summary>The protocol's names of element types.</summary>
internal static class Datatype
{
    public const string Bytes = "BYTES";
    public const string Float32 = "FP32";

    /// <summary>The type of a mask's labels.</summary>
    public static string OfLabels(LoadedModel model) =>
        string.Create(CultureInfo.InvariantCulture, $"UINT{model.Postprocessor.LabelBits}");

    /// <summary>The protocol's name of an element type of ONNX.</summary>
    public static string Of(string elementType) => elementType switch
    {
        "float16" => "FP16",
        "float32" => Float32,
        "float64" => "FP64",
        _ => elementType.ToUpperInvariant(),
    };

    /// <summary>The name of a datatype in a model's configuration.</summary>
    public static string Configured(string datatype)
    {
        if (datatype == Bytes)
        {
            return "TYPE_STRING";
        }

        return "TYPE_" + datatype;
    }
}
