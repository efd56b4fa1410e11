namespace InferenceServer.OpenInference;

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
