using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>Runs a new model at legal sizes of its manifest and checks the outputs against the manifest.</summary>
internal static class ModelTrial
{
    /// <summary>Compares the channels of the manifest with those of the graph.</summary>
    /// <exception cref="ManifestException">They differ.</exception>
    public static void CheckChannels(PreprocessManifest preprocess, TensorLayout layout, string file)
    {
        int channels = layout.Channels;
        bool isGray = preprocess.Color == ChannelOrder.Gray;
        List<string> errors = [];
        if (channels == 1 && !isGray)
        {
            errors.Add(
                "preprocess.color: expected \"gray\", with one number in mean and std, because the graph takes 1 channel");
        }
        else if (channels > 1 && isGray)
        {
            errors.Add(
                $"preprocess.color: expected \"rgb\" or \"bgr\", with {channels} numbers in mean and std, because " +
                $"the graph takes {channels} channels");
        }
        else
        {
            Compare("preprocess.mean", preprocess.Mean.Count);
            Compare("preprocess.std", preprocess.Std.Count);
        }

        if (errors.Count > 0)
        {
            throw new ManifestException(file, errors);
        }

        void Compare(string key, int count)
        {
            if (count != channels)
            {
                errors.Add($"{key}: expected {channels} numbers, one for each channel of the graph, got {count}");
            }
        }
    }

    /// <summary>The trial runs, which check whether the manifest is right.</summary>
    /// <exception cref="ManifestException">The graph's own declaration contradicts the manifest.</exception>
    public static IReadOnlyList<(int Batch, ImageSize Size)> Plan(LoadedModel model, string file)
    {
        ModelManifest manifest = model.Manifest;
        InputSizing sizing = new(manifest.Preprocess);
        TensorSignature declared = model.Session.Signature.Inputs[0];
        if (manifest.Preprocess.Size.Fixed is null
            && TensorLayout.Sides(declared.Shape) is ( > 0 and int rows, > 0 and int columns))
        {
            throw new ManifestException(
                file,
                [
                    $"preprocess.size.fixed: expected [{rows}, {columns}] with the resize mode \"exact\", " +
                    "because the graph takes no other size"
                ]);
        }

        ImageSize smallest = manifest.Preprocess.Size.Fixed is [int height, int width]
            ? new ImageSize(width, height)
            : new ImageSize(sizing.Legal(1), sizing.Legal(1));
        List<(int, ImageSize)> runs = [(1, smallest)];
        if (manifest.Graph.MaxBatch > 1)
        {
            runs.Add((2, smallest));
        }

        if (manifest.Preprocess.Size.Fixed is null)
        {
            // The sides differ and have few divisors, so that fixed shapes and swapped axes show.
            runs.Add((1, Oblong(sizing, smallest)));
        }

        return runs;
    }

    /// <summary>Runs the graph once in each of the sessions that requests use.</summary>
    /// <exception cref="ManifestException">The output contradicts the manifest.</exception>
    public static void Try(LoadedModel model, string file, int batch, ImageSize size, CancellationToken cancellationToken)
    {
        using InputTensor input = new(batch, size, model.Session.Layout);
        input.FillNoise();
        string shape = input.Layout.Describe(batch, size);
        foreach (IModelSession session in new[] { model.Session.Wide, model.Session.Narrow }.Distinct())
        {
            using ModelOutput output = Run(session, input, file, shape, cancellationToken);
            string[] errors = [.. Errors(output, model.Manifest, model.Classes.Names.Count, batch, size)];
            if (errors.Length > 0)
            {
                throw new ManifestException(file, [.. errors.Select(error => $"with an input of {shape}, {error}")]);
            }
        }
    }

    private static ImageSize Oblong(InputSizing sizing, ImageSize smallest)
    {
        int width = sizing.Legal(smallest.Width + 11);
        return new ImageSize(width, sizing.Legal(width + 1));
    }

    private static ModelOutput Run(IModelSession session, InputTensor input, string file, string shape, CancellationToken cancellationToken)
    {
        try
        {
            return session.Run(input, cancellationToken);
        }
        catch (SegmentationException e)
        {
            string key = input.Batch > 1 ? "graph.max_batch" : "preprocess.size";
            throw new ManifestException(
                file,
                [
                    $"{key}: expected a graph that runs at every legal size, but it fails on an input of {shape}: " +
                    $"{e.InnerException?.Message}"
                ]);
        }
    }

    private static IEnumerable<string> Errors(ModelOutput output, ModelManifest manifest, int classes, int batch, ImageSize size)
    {
        GraphManifest graph = manifest.Graph;
        string shape = string.Join('×', output.Shape);
        bool labels = graph.OutputKind == OutputKind.Labels;
        if (output.Shape.Count != 4 && !(labels && output.Shape.Count is 2 or 3))
        {
            yield return $"graph.output: expected N×n×h×w, got {shape}";
            yield break;
        }

        if ((output.Shape.Count == 2 ? 1 : output.Shape[0]) != batch)
        {
            yield return $"graph.max_batch: expected {batch} results, got {shape}; set 1 for a fixed batch axis";
            yield break;
        }

        bool oneChannel = labels
            || graph.OutputKind == OutputKind.BinaryLogit
            || (graph.OutputKind == OutputKind.Probabilities && classes == 2 && output.Channels == 1);
        int channels = oneChannel ? 1 : classes;
        if (output.Channels != channels)
        {
            yield return
                $"classes.names: expected {channels} channels for {classes} names, got {output.Channels} ({shape})";
        }

        // Strided layers may round up or down; a difference of more than one output pixel means another stride.
        double factor = graph.OutputScale / graph.OutputStride;
        if (Math.Abs(output.Height - (size.Height * factor)) > 1 || Math.Abs(output.Width - (size.Width * factor)) > 1)
        {
            yield return $"graph.output_stride: expected an output for stride {graph.OutputStride}, " +
                $"scale {graph.OutputScale}, got {shape}";
        }

        if (!labels)
        {
            for (int i = 0; i < batch; i++)
            {
                if (!AllFinite(output.Scores(i)))
                {
                    yield return "expected finite scores, got NaN or infinity; check preprocess.mean and std, " +
                        "and the export's precision";
                    yield break;
                }
            }
        }
    }

    private static bool AllFinite(ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                return false;
            }
        }

        return true;
    }
}
