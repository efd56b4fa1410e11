using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;

namespace InferenceServer.Cli.Segment;

/// <summary>Makes masks, in this process or on a server.</summary>
internal interface IMaskSource
{
    /// <summary>Makes the mask of an image.</summary>
    Task<ReadOnlyMemory<byte>> SegmentAsync(byte[] image, CancellationToken cancellationToken);
}

/// <summary>Makes masks with a model in this process.</summary>
internal sealed class LocalMasks(ISegmenter segmenter, string model, SegmentSettings settings) : IMaskSource
{
    private static readonly TimeSpan UsualWait = TimeSpan.FromMilliseconds(100);

    public async Task<ReadOnlyMemory<byte>> SegmentAsync(byte[] image, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await segmenter.SegmentAsync(model, image, settings, cancellationToken).ConfigureAwait(false);
            }
            catch (SegmentationException e) when (e.Error == SegmentationError.Overloaded)
            {
                // More images at a time than the runtime admits.
                await Task.Delay(e.RetryAfter ?? UsualWait, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}

/// <summary>Makes masks on a server.</summary>
internal sealed class ServerMasks(InferenceClient client, SegmentQuery query) : IMaskSource
{
    public async Task<ReadOnlyMemory<byte>> SegmentAsync(byte[] image, CancellationToken cancellationToken)
    {
        MaskAnswer mask = await client.SegmentAsync(image, query, cancellationToken).ConfigureAwait(false);
        return mask.Bytes;
    }
}

/// <summary>An image and the file for its mask.</summary>
/// <param name="Image">Path of the image, or <see cref="Standard"/>.</param>
/// <param name="Output">Path of the mask, or <see cref="Standard"/>.</param>
internal sealed record SegmentJob(string Image, string Output)
{
    /// <summary>The standard input or output.</summary>
    public const string Standard = "-";

    private const string NameOfInput = "stdin"; // of its mask, without the extension

    /// <summary>Names the outputs: the image's base name with the format's extension, in the image's folder below the
    /// output folder.</summary>
    /// <param name="paths">Files and folders, or <see cref="Standard"/>.</param>
    /// <param name="isRecursive">Whether folders in folders are searched. The output folder and links to folders are
    /// not.</param>
    /// <param name="folder">The output folder; <see cref="Standard"/>, or null for the standard input alone, is the
    /// standard output.</param>
    /// <param name="format">The format of the masks.</param>
    /// <exception cref="CommandException">There are no images or no folder, two images would write the same file, or a
    /// mask would overwrite an image.</exception>
    public static IReadOnlyList<SegmentJob> Plan(IReadOnlyList<string> paths, bool isRecursive, string? folder, MaskFormat format)
    {
        if (folder is null && paths is not [Standard])
        {
            throw new UsageException("--out: expected a folder for the masks, got none. Only the mask of '-' needs no folder.");
        }

        IReadOnlyList<ImageFile> images =
        [
            .. paths.Where(path => path == Standard).Select(path => new ImageFile(path, ImageFiles.Here)),
            .. ImageFiles.Expand([.. paths.Where(path => path != Standard)], isRecursive, folder),
        ];
        if (folder is null or Standard)
        {
            return images is [var only] ? [new SegmentJob(only.Path, Standard)] : throw new UsageException(
                $"--out -: expected one image, got {images.Count:N0}. Give a folder.");
        }

        SegmentJob[] jobs = [.. images.Select(image => new SegmentJob(image.Path, Output(image)))];
        if (jobs.GroupBy(job => job.Output).FirstOrDefault(group => group.Count() > 1)?.ToArray() is [var first, var second, ..])
        {
            throw new CommandException(
                $"'{first.Image}' and '{second.Image}' would both write '{first.Output}'. "
                + "Segment them into different folders.");
        }

        HashSet<string> sources = [.. images.Select(image => Path.GetFullPath(image.Path))];
        if (jobs.FirstOrDefault(job => sources.Contains(Path.GetFullPath(job.Output))) is { } overwriting)
        {
            throw new CommandException(
                $"The mask of '{overwriting.Image}' would overwrite the image '{overwriting.Output}'. "
                + "Choose another folder with --out.");
        }

        return jobs;

        string Output(ImageFile image)
        {
            string name = image.Path == Standard ? NameOfInput : Path.GetFileNameWithoutExtension(image.Path);
            string target = image.Subfolder == ImageFiles.Here ? folder : Path.Combine(folder, image.Subfolder);
            return Path.Combine(target, name + format.Extension);
        }
    }

    /// <summary>Reads the image.</summary>
    public async Task<byte[]> ReadAsync(CancellationToken cancellationToken)
    {
        if (Image == Standard)
        {
            return await Terminal.ReadAsync(cancellationToken).ConfigureAwait(false);
        }

        return await File.ReadAllBytesAsync(Image, cancellationToken).ConfigureAwait(false);
    }
}
