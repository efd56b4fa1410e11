using System.ComponentModel;
using Microsoft.AspNetCore.Mvc;

namespace InferenceServer.Segment;

/// <summary>What a caller can ask for beside the image.</summary>
public readonly record struct SegmentQuery
{
    /// <summary>png (indexed, the default), overlay, color, raw, json or confidence; without it the Accept header decides.</summary>
    [FromQuery(Name = "format")]
    [Description("png (indexed, the default), overlay, color, raw, json or confidence; without it the Accept header decides.")]
    public string? Format { get; init; }

    /// <summary>Opacity of the colours over the photograph, 0 to 1; for overlays. Default 0.5.</summary>
    /// <remarks>Text, because what the framework cannot bind becomes an answer without a reason.</remarks>
    [FromQuery(Name = "alpha")]
    [Description("Opacity of the colours over the photograph, 0 to 1; for overlays. Default 0.5.")]
    public string? Alpha { get; init; }
}
