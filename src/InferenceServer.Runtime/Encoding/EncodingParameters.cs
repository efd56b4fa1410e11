namespace InferenceServer.Runtime.Encoding;

/// <summary>What a caller can choose about the answer's bytes.</summary>
/// <param name="Format">The format.</param>
/// <param name="Alpha">Opacity of the colours over the photograph, 0 to 1; only for overlays.</param>
public readonly record struct EncodingParameters(MaskFormat Format, float Alpha = 0.5f);
