using DenseCrf;
using InferenceServer.Cli.Hosting;
using InferenceServer.Client;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Refinement;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.Refine;

/// <summary>Refines probabilities or labels in a file along the edges of an image, in this process or on a server.</summary>
internal static class ArrayRefiner
{
    /// <summary>Reads the files, refines, and writes the results after a success.</summary>
    /// <exception cref="CommandException">A file cannot be used.</exception>
    /// <exception cref="SegmentationException">The parameters do not fit the files.</exception>
    public static async Task RunHereAsync(
        RefineFiles files, SegmentSettings settings, int threads, Terminal terminal, CancellationToken cancellationToken)
    {
        using RgbImage image = await DecodeAsync(files.Image, cancellationToken).ConfigureAwait(false);
        // The limit on iterations protects a server, and is wider here.
        using CrfRefiner refiner = new(Options.Create(new CrfOptions
        {
            MaxIterations = CrfInference.MaxIterations, Threads = threads, MaxBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
        }));
        CrfSettings crf = refiner.ResolveGiven(await KernelsAsync(files, cancellationToken).ConfigureAwait(false), settings.Crf);
        using GivenScores scores = await ReadAsync(files, settings.Given, image.Size, cancellationToken).ConfigureAwait(false);
        using Mask mask = scores.ToMask();
        using Mask refined = await refiner.RefineAsync(
            mask, scores.Classes, image.Pixels, (Confidence: false, Probabilities: true), crf with { FromEnergies = scores.AreEnergies },
            cancellationToken).ConfigureAwait(false);
        await using (FileStream output = File.Create(files.Output))
        {
            ReadOnlyMemory<float> wanted = refined.Probabilities[^(scores.Planes * (int)image.Size.Pixels)..];
            NpyFloats.Write(output, wanted.Span, [scores.Planes, image.Size.Height, image.Size.Width]);
        }

        terminal.Result(files.Output);
        if (files.Labels is not null)
        {
            using PooledBufferWriter png = new();
            PngFile.WriteIndexed(refined.Labels.Span, image.Size, ClassSets.Voc.Palette, png);
            await File.WriteAllBytesAsync(files.Labels, png.Written, cancellationToken).ConfigureAwait(false);
            terminal.Result(files.Labels);
        }
    }

    /// <summary>Sends the files to a server, and writes its answers.</summary>
    /// <exception cref="CommandException">The server refused, or there is none.</exception>
    public static async Task RunOnServerAsync(
        RefineFiles files, IReadOnlyDictionary<string, string> parameters, InferenceClient client, Terminal terminal,
        CancellationToken cancellationToken)
    {
        byte[] image = await File.ReadAllBytesAsync(files.Image, cancellationToken).ConfigureAwait(false);
        byte[] scores = await File.ReadAllBytesAsync(files.Scores, cancellationToken).ConfigureAwait(false);
        string? kernels = null;
        if (files.Kernels is not null)
        {
            kernels = await File.ReadAllTextAsync(files.Kernels, cancellationToken).ConfigureAwait(false);
        }

        await AskAsync(MaskFormat.NpyProbabilities, files.Output).ConfigureAwait(false);
        if (files.Labels is not null)
        {
            await AskAsync(MaskFormat.Png, files.Labels).ConfigureAwait(false);
        }

        async Task AskAsync(MaskFormat format, string path)
        {
            RefineRequest request = new()
            {
                Probabilities = files.LabelMap is null ? scores : default, LabelMap = files.LabelMap is null ? default : scores,
                Kernels = kernels, Format = format.Name, Parameters = parameters,
            };
            try
            {
                RefineAnswer answer = await client.RefineAsync(image, request, cancellationToken).ConfigureAwait(false);
                await File.WriteAllBytesAsync(path, answer.Bytes, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is InferenceServerException or HttpRequestException)
            {
                throw new CommandException(e.Message);
            }

            terminal.Result(path);
        }
    }

    private static async Task<RgbImage> DecodeAsync(string path, CancellationToken cancellationToken)
    {
        ImageDecoder decoder = new(Options.Create(new DecodingOptions()));
        return decoder.Decode(
            await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false), cancellationToken);
    }

    private static async Task<IReadOnlyList<CrfKernel>?> KernelsAsync(RefineFiles files, CancellationToken cancellationToken)
    {
        if (files.Kernels is null)
        {
            return null;
        }

        try
        {
            return CrfKernelList.Parse(await File.ReadAllBytesAsync(files.Kernels, cancellationToken).ConfigureAwait(false));
        }
        catch (FormatException e)
        {
            throw new CommandException($"{files.Kernels}: {e.Message}");
        }
    }

    private static async Task<GivenScores> ReadAsync(
        RefineFiles files, GivenSettings given, ImageSize image, CancellationToken cancellationToken)
    {
        try
        {
            if (files.LabelMap is not null)
            {
                byte[] png = await File.ReadAllBytesAsync(files.LabelMap, cancellationToken).ConfigureAwait(false);
                return GivenScores.OfLabels(png, classes: null, given.LabelConfidence ?? GivenScores.UsualConfidence, Accept);
            }

            if (given.LabelConfidence is not null)
            {
                throw new CommandException("--label-confidence: expected with --label-map only. Leave it out.");
            }

            await using FileStream npy = File.OpenRead(files.Scores);
            return await GivenScores.ReadAsync(npy, given.AreEnergies, Accept, cancellationToken).ConfigureAwait(false);
        }
        catch (InvalidDataException e)
        {
            throw new CommandException($"{files.Scores}: {e.Message}");
        }

        void Accept(ImageSize size, int planes)
        {
            if (size != image)
            {
                throw new InvalidDataException(GivenScores.WrongSize(size, image));
            }
        }
    }
}

/// <summary>The input and output files of <c>refine</c>.</summary>
/// <param name="Image">The image that guides the edges.</param>
/// <param name="Probabilities">Probabilities or energies as <c>.npy</c>; null where there is a label map.</param>
/// <param name="LabelMap">Labels as PNG; null where there are probabilities.</param>
/// <param name="Kernels">Kernels as JSON; null takes the usual ones.</param>
/// <param name="Output">Receives the marginals, float32 [L, H, W].</param>
/// <param name="Labels">Receives the label map as indexed PNG; null for none.</param>
internal sealed record RefineFiles(
    string Image, string? Probabilities, string? LabelMap, string? Kernels, string Output, string? Labels)
{
    /// <summary>The file of probabilities or labels.</summary>
    public string Scores => Probabilities ?? LabelMap!;
}
