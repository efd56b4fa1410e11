using System.Globalization;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime.Encoding;
using InferenceServer.Runtime.Inference;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.Segment;

/// <summary>Masks of a server.</summary>
internal sealed class ServerMasks(InferenceClient client, SegmentQuery query) : IMaskSource
{
    /// <summary>What was typed, as the server's query parameters.</summary>
    public static SegmentQuery Query(string model, EncodingParameters parameters, InferenceOverrides inference, Refinement refinement)
    {
        (string Key, FormattableString? Value)[] all =
        [
            ("alpha", $"{parameters.Alpha}"),
            ("counts", parameters.Uncompressed ? $"uncompressed" : null),
            ("tolerance", parameters.Tolerance > 0 ? $"{parameters.Tolerance}" : null),
            ("mode", inference.Mode is { } mode ? $"{mode.ToString().ToLowerInvariant()}" : null),
            ("resize", inference.KeepSize is { } keep ? keep ? $"none" : $"model" : null),
            ("crop", inference.Crop is { } crop ? $"{crop.Width}x{crop.Height}" : null),
            ("stride_rate", inference.StrideRate is { } rate ? $"{rate}" : null),
            ("scales", inference.Scales is { } scales ? $"{string.Join(',', scales.Select(s => s.ToString(CultureInfo.InvariantCulture)))}" : null),
            ("flip", inference.Flip is { } flip ? flip ? $"true" : $"false" : null),
            ("fuse", inference.Fuse is { } fuse ? $"{Fuse(fuse)}" : null),
            ("refine", refinement.Refine is { } refine ? refine ? $"crf" : $"none" : null),
            ("crf.iterations", refinement.Crf.Iterations is { } iterations ? $"{iterations}" : null),
            ("crf.gaussian.weight", refinement.Crf.GaussianWeight is { } gaussian ? $"{gaussian}" : null),
            ("crf.gaussian.xy", refinement.Crf.GaussianXy is { } near ? $"{near}" : null),
            ("crf.bilateral.weight", refinement.Crf.BilateralWeight is { } bilateral ? $"{bilateral}" : null),
            ("crf.bilateral.xy", refinement.Crf.BilateralXy is { } far ? $"{far}" : null),
            ("crf.bilateral.rgb", refinement.Crf.BilateralRgb is { } color ? $"{color}" : null),
            ("crf.quality", refinement.Crf.Quality is { } quality ? $"{quality.ToString().ToLowerInvariant()}" : null),
        ];
        return new SegmentQuery
        {
            Model = model,
            Format = MaskFormats.All.First(f => f.Format == parameters.Format).Word,
            Parameters = all.Where(p => p.Value is not null).ToDictionary(p => p.Key, p => FormattableString.Invariant(p.Value!)),
        };
    }

    public async Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken)
    {
        MaskAnswer mask = await client.SegmentAsync(image, query, cancellationToken).ConfigureAwait(false);
        await File.WriteAllBytesAsync(output, mask.Bytes, cancellationToken).ConfigureAwait(false);
    }

    private static string Fuse(FuseMode fuse) => fuse switch
    {
        FuseMode.SumLogits => "sum_logits",
        FuseMode.MaxLogits => "max_logits",
        _ => "mean_softmax",
    };
}
