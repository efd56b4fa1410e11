using System.Globalization;
using DenseCrf;
using InferenceServer.Cli.Hosting;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Coloring;
using InferenceServer.Kernels.Labels;
using InferenceServer.Runtime.Npy;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Formats;
using Microsoft.Extensions.Options;

namespace InferenceServer.Cli.Refine;

/// <summary>Refines an array of probabilities along the edges of an image.</summary>
internal static class ArrayRefiner
{
    private const float Rounding = 1e-3f; // a softmax in half precision may exceed 1 by this much

    /// <summary>Reads the files, refines, and writes the results after a success.</summary>
    /// <exception cref="CommandException">A file cannot be used, or the parameters do not fit the array.</exception>
    public static async Task RunAsync(
        RefineFiles files, CrfParameters parameters, Terminal terminal, CancellationToken cancellationToken)
    {
        using RgbImage image = await DecodeAsync(files.Image, cancellationToken).ConfigureAwait(false);
        using PooledBuffer<float> read = ReadArray(files.Probabilities, image.Size, out int planes);
        if (!files.Energies)
        {
            CheckProbabilities(read.Span, files.Probabilities);
        }
        else if (planes == 1)
        {
            throw new CommandException(
                $"{files.Probabilities}: expected the energies of at least two classes, got one. "
                + "Pass the probability of the foreground without --energies.");
        }

        using PooledBuffer<float>? both = planes == 1 ? WithBackground(read.Span) : null;
        PooledBuffer<float> values = both ?? read;
        int labels = Math.Max(planes, 2);
        Refine(values.Span, files.Energies, image, labels, parameters, cancellationToken);
        await using (FileStream output = File.Create(files.Output))
        {
            NpyFloats.Write(output, values.Span[^read.Span.Length..], [planes, image.Size.Height, image.Size.Width]);
        }

        terminal.Result(files.Output);
        if (files.Labels is not null)
        {
            await WriteLabelsAsync(values.Memory, labels, image.Size, files.Labels, cancellationToken)
                .ConfigureAwait(false);
            terminal.Result(files.Labels);
        }
    }

    private static async Task<RgbImage> DecodeAsync(string path, CancellationToken cancellationToken)
    {
        ImageDecoder decoder = new(Options.Create(new DecodingOptions()));
        return decoder.Decode(
            await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false), cancellationToken);
    }

    private static PooledBuffer<float> ReadArray(string path, ImageSize size, out int labels)
    {
        using FileStream file = File.OpenRead(path);
        try
        {
            PooledBuffer<float> values = NpyFloats.Read(file, out NpyHeader header);
            if (header.Shape is [> 0 and <= CrfInference.MaxLabels and int planes, int height, int width]
                && new ImageSize(width, height) == size)
            {
                labels = planes;
                return values;
            }

            values.Dispose();
            throw new CommandException(
                $"{path}: expected the shape (classes, {size.Height}, {size.Width}), as the image has {size} pixels, "
                + $"with 1 to {CrfInference.MaxLabels} classes, got ({string.Join(", ", header.Shape)}).");
        }
        catch (InvalidDataException e)
        {
            throw new CommandException($"{path}: {e.Message}");
        }
    }

    /// <summary>Rejects logits: clipped logits would give a wrong result without an error.</summary>
    private static void CheckProbabilities(ReadOnlySpan<float> values, string path)
    {
        foreach (float value in values)
        {
            if (!(value >= -Rounding && value <= 1 + Rounding))
            {
                string got = value.ToString(CultureInfo.InvariantCulture);
                throw new CommandException(
                    $"{path}: expected probabilities from 0 to 1, got {got}. "
                    + "Apply the softmax first, or pass energies in nats with --energies.");
            }
        }
    }

    /// <summary>The planes of both classes of a binary network, whose array has only the foreground.</summary>
    private static PooledBuffer<float> WithBackground(ReadOnlySpan<float> foreground)
    {
        PooledBuffer<float> both = new(checked(2 * foreground.Length));
        for (int i = 0; i < foreground.Length; i++)
        {
            both.Span[i] = 1 - foreground[i];
        }

        foreground.CopyTo(both.Span[foreground.Length..]);
        return both;
    }

    private static void Refine(
        Span<float> values, bool energies, RgbImage image, int labels, CrfParameters parameters,
        CancellationToken cancellationToken)
    {
        (int width, int height) = image.Size;
        ReadOnlySpan<byte> rgb = image.Pixels.Span;
        using CrfWorkspace workspace = new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
        try
        {
            CrfInput input = energies
                ? CrfInput.FromEnergies(values, rgb, width, height, labels)
                : CrfInput.FromProbabilities(values, rgb, width, height, labels);
            CrfInference.Refine(input, parameters, workspace, values, times: null, cancellationToken);
        }
        catch (ArgumentException e)
        {
            throw new CommandException(
                $"The image of {image.Size} with {labels} classes cannot be refined: {e.Message}");
        }
    }

    private static async Task WriteLabelsAsync(
        ReadOnlyMemory<float> marginals, int labels, ImageSize size, string path, CancellationToken cancellationToken)
    {
        using PooledBuffer<byte> map = new((int)size.Pixels);
        ArgMax.Compute(marginals.Span, labels, map.Span);
        using PooledBufferWriter png = new();
        PngFile.WriteIndexed(map.Span, size, ClassSets.Voc.Palette, png);
        await File.WriteAllBytesAsync(path, png.Written, cancellationToken).ConfigureAwait(false);
    }
}

/// <summary>The input and output files of <c>refine</c>.</summary>
/// <param name="Image">The image that guides the edges.</param>
/// <param name="Probabilities">float32 [L, H, W] as <c>.npy</c>.</param>
/// <param name="Energies">Whether the array has energies instead of probabilities.</param>
/// <param name="Output">Receives the marginals, float32 [L, H, W].</param>
/// <param name="Labels">Receives the label map as indexed PNG; null for none.</param>
internal sealed record RefineFiles(string Image, string Probabilities, bool Energies, string Output, string? Labels);
