using System.Globalization;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Passes;

namespace InferenceServer.Cli.Segment;

/// <summary>Makes masks, in this process or on a server.</summary>
internal interface IMaskSource
{
    /// <summary>Makes the mask of an image and writes it to a file.</summary>
    Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken);
}

/// <summary>Makes masks with a model in this process.</summary>
internal sealed class LocalMasks(ISegmenter segmenter, string model, SegmentSettings settings) : IMaskSource
{
    public async Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken)
    {
        byte[] mask = await segmenter.SegmentAsync(model, image, settings, cancellationToken).ConfigureAwait(false);
        await WholeFile.WriteAsync(output, mask, cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>An image and the file for its mask.</summary>
/// <param name="Image">Path of the image.</param>
/// <param name="Output">Path of the mask.</param>
internal sealed record SegmentJob(string Image, string Output)
{
    /// <summary>Names the outputs: the image's base name with the format's extension.</summary>
    /// <exception cref="CommandException">Two images would write the same file, or a mask would overwrite an
    /// image.</exception>
    public static IReadOnlyList<SegmentJob> Plan(IReadOnlyList<string> images, string folder, MaskFormat format)
    {
        string Output(string image) => Path.Combine(folder, Path.GetFileNameWithoutExtension(image) + format.Extension);
        SegmentJob[] jobs = [.. images.Select(image => new SegmentJob(image, Output(image)))];
        if (jobs.GroupBy(job => job.Output).FirstOrDefault(group => group.Count() > 1)?.ToArray() is [var first, var second, ..])
        {
            throw new CommandException(
                $"'{first.Image}' and '{second.Image}' would both write '{first.Output}'. "
                + "Segment them into different folders.");
        }

        HashSet<string> sources = [.. images.Select(Path.GetFullPath)];
        if (jobs.FirstOrDefault(job => sources.Contains(Path.GetFullPath(job.Output))) is { } overwriting)
        {
            throw new CommandException(
                $"The mask of '{overwriting.Image}' would overwrite the image '{overwriting.Output}'. "
                + "Choose another folder with --out.");
        }

        return jobs;
    }
}

/// <summary>Makes masks on a server.</summary>
internal sealed class ServerMasks(InferenceClient client, SegmentQuery query) : IMaskSource
{
    public async Task WriteAsync(byte[] image, string output, CancellationToken cancellationToken)
    {
        MaskAnswer mask = await client.SegmentAsync(image, query, cancellationToken).ConfigureAwait(false);
        await WholeFile.WriteAsync(output, mask.Bytes, cancellationToken).ConfigureAwait(false);
    }
}
