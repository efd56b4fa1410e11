using InferenceServer.Cli.Evaluate;
using InferenceServer.Cli.Hosting;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Preprocessing;

namespace InferenceServer.Cli.Optimize;

/// <summary>The images of an optimisation: some to calibrate on, others to check on.</summary>
/// <param name="Calibration">Files to calibrate on.</param>
/// <param name="HeldOut">Files to check on.</param>
/// <param name="Labelled">Those of <paramref name="HeldOut"/> with their labels; empty without labels.</param>
internal sealed record OptimizationSet(
    IReadOnlyList<string> Calibration, IReadOnlyList<string> HeldOut, IReadOnlyList<LabelPair> Labelled)
{
    private const int MostHeldOut = 32;

    /// <summary>Chooses the images.</summary>
    /// <param name="images">The folder of images to calibrate on.</param>
    /// <param name="check">The folder of images to check on; null takes some of <paramref name="images"/> for that.</param>
    /// <param name="labels">The folder of the latter images' labels; null without labels.</param>
    /// <param name="count">Most images to calibrate on.</param>
    /// <exception cref="CommandException">There are too few images, or labels are missing.</exception>
    public static OptimizationSet Create(string images, string? check, string? labels, int count)
    {
        IReadOnlyList<string> files = ImageFiles.Expand([images]);
        OptimizationSet set = check is null
            ? Split(files, count)
            : new OptimizationSet(Spread(files, count), ImageFiles.Expand([check]), []);
        if (labels is null)
        {
            return set;
        }

        return set with { Labelled = [.. LabelPair.Find(check ?? images, labels).Where(pair => set.HeldOut.Contains(pair.Image))] };
    }

    // Both are spread evenly: a folder's order is often that of time or place.
    private static OptimizationSet Split(IReadOnlyList<string> files, int count)
    {
        if (files.Count < 4)
        {
            throw new CommandException(
                $"--images: expected at least 4 images, to calibrate on some and check on others, found {files.Count}. "
                + "Or name a folder of images to check on (--check).");
        }

        string[] calibration = Spread(files, Math.Min(count, files.Count * 3 / 4));
        return new OptimizationSet(calibration, Spread([.. files.Except(calibration)], MostHeldOut), []);
    }

    private static string[] Spread(IReadOnlyList<string> files, int count)
    {
        count = Math.Min(count, files.Count);
        return [.. Enumerable.Range(0, count).Select(i => files[(int)((long)i * files.Count / count)])];
    }
}

/// <summary>A model that is loaded as the server loads it, and the images that it sees.</summary>
internal sealed class LoadedVariant(LoadedModel model, Segmenter segmenter)
{
    public LoadedModel Model => model;

    /// <summary>The network's inputs of image files, one after another.</summary>
    public IEnumerable<InputTensor> Inputs(IEnumerable<string> files, CancellationToken cancellationToken)
    {
        PassSettings whole = model.Passes with { Mode = InferenceMode.Whole, Scales = [1], Flip = false };
        foreach (string file in files)
        {
            using AdmittedRequest admitted = segmenter.Admit(model.Name, cancellationToken);
            yield return Prepare(file, admitted, whole);
        }
    }

    /// <summary>The labels of an image as an array of NumPy: HW, or CHW where classes overlap.</summary>
    public async Task<byte[]> LabelsAsync(string file, CancellationToken cancellationToken)
    {
        byte[] image = await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false);
        return await ((ISegmenter)segmenter).SegmentAsync(model.Name, image, MaskFormat.Npy, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Mean IoU over labelled images, in percent.</summary>
    public async Task<double> MeanIouAsync(IReadOnlyList<LabelPair> pairs, byte ignore, CancellationToken cancellationToken)
    {
        Evaluator evaluator = new(segmenter, model, ignore, new SegmentSettings { Refine = false }, calibrates: false);
        foreach (LabelPair pair in pairs)
        {
            await evaluator.AddAsync(pair, cancellationToken).ConfigureAwait(false);
        }

        return evaluator.Plain.All.MeanIoU() * 100;
    }

    private InputTensor Prepare(string file, AdmittedRequest admitted, PassSettings whole)
    {
        try
        {
            return segmenter.PrepareAsync(admitted, File.ReadAllBytes(file), whole).AsTask().GetAwaiter().GetResult();
        }
        catch (SegmentationException e)
        {
            throw new CommandException($"{file}: {e.Message}");
        }
    }
}
