using System.Globalization;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.Segment;

/// <summary>Masks of a server.</summary>
internal sealed class ServerMasks(InferenceClient client, SegmentQuery query) : IMaskSource
{
    /// <summary>What was typed, as the server's query parameters.</summary>
    public static SegmentQuery Query(string model, EncodingParameters parameters, PassOverrides inference, Refinement refinement)
    {
        (string Key, object? Value)[] all =
        [
            ("alpha", parameters.Alpha),
            ("counts", parameters.Uncompressed ? "uncompressed" : null),
            ("tolerance", parameters.Tolerance > 0 ? parameters.Tolerance : null),
            ("mode", inference.Mode?.ToString().ToLowerInvariant()),
            ("resize", inference.KeepSize switch { true => "none", false => "model", null => null }),
            ("crop", inference.Crop is { } crop ? FormattableString.Invariant($"{crop.Width}x{crop.Height}") : null),
            ("stride_rate", inference.StrideRate),
            ("scales", inference.Scales is { } scales ? string.Join(',', scales.Select(s => s.ToString(CultureInfo.InvariantCulture))) : null),
            ("flip", inference.Flip switch { true => "true", false => "false", null => null }),
            ("fuse", inference.Fuse is { } fuse ? Fuse(fuse) : null),
            ("refine", refinement.Refine switch { true => "crf", false => "none", null => null }),
            ("crf.iterations", refinement.Crf.Iterations),
            ("crf.gaussian.weight", refinement.Crf.GaussianWeight),
            ("crf.gaussian.xy", refinement.Crf.GaussianXy),
            ("crf.bilateral.weight", refinement.Crf.BilateralWeight),
            ("crf.bilateral.xy", refinement.Crf.BilateralXy),
            ("crf.bilateral.rgb", refinement.Crf.BilateralRgb),
            ("crf.quality", refinement.Crf.Quality?.ToString().ToLowerInvariant()),
        ];
        return new SegmentQuery
        {
            Model = model,
            Format = MaskFormats.All.First(f => f.Format == parameters.Format).Word,
            Parameters = all.Where(p => p.Value is not null).ToDictionary(p => p.Key, p => Convert.ToString(p.Value, CultureInfo.InvariantCulture)!),
        };
    }

    public async Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken)
    {
        MaskAnswer mask = await client.SegmentAsync(image, query, cancellationToken).ConfigureAwait(false);
        await WholeFile.WriteAsync(output, mask.Bytes, cancellationToken).ConfigureAwait(false);
    }

    private static string Fuse(FuseMode fuse) => fuse switch
    {
        FuseMode.SumLogits => "sum_logits",
        FuseMode.MaxLogits => "max_logits",
        _ => "mean_softmax",
    };
}
