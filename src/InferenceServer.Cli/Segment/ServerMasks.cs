using System.Globalization;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Manifests;

namespace InferenceServer.Cli.Segment;

/// <summary>Makes masks on a server.</summary>
internal sealed class ServerMasks(InferenceClient client, SegmentQuery query) : IMaskSource
{
    public async Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken)
    {
        MaskAnswer mask = await client.SegmentAsync(image, query, cancellationToken).ConfigureAwait(false);
        await WholeFile.WriteAsync(output, mask.Bytes, cancellationToken).ConfigureAwait(false);
    }
}
