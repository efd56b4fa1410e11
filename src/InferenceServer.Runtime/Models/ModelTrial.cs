using System.Globalization;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Postprocessing;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>What the trial runs of a model showed.</summary>
/// <param name="MaxBatch">Most images in one run.</param>
/// <param name="Grid">The size of the output for a size of the input.</param>
/// <param name="Warnings">What may be wrong with the manifest, one sentence each.</param>
internal sealed record TrialFindings(int MaxBatch, OutputGrid Grid, IReadOnlyList<string> Warnings);

/// <summary>Runs a new model at legal sizes of its manifest, on inputs that preprocessing can make, and holds the outputs
/// against the manifest.</summary>
internal sealed class ModelTrial
{
    /// <summary>The share of the scores' range, and of the labels, by which two runs may differ: other sizes of a batch
    /// round otherwise.</summary>
    private const float Tolerance = 0.05f;

    private readonly ModelManifest _manifest;
    private readonly IModelSession _session;
    private readonly AdaptedGraph _graph;
    private readonly string _file;
    private readonly OutputCheck _check;
    private readonly List<(ImageSize Input, ImageSize Grid)> _grids = [];
    private readonly List<string> _warnings = [];

    /// <param name="manifest">The manifest, with the sizes that the adapted graph takes.</param>
    /// <param name="session">The network.</param>
    /// <param name="graph">The adapted graph.</param>
    /// <param name="file">The graph's file, as shown to users.</param>
    public ModelTrial(ModelManifest manifest, IModelSession session, AdaptedGraph graph, string file)
    {
        (_manifest, _session, _graph, _file) = (manifest, session, graph, file);
        _check = new OutputCheck(manifest, graph.Kind);
    }

    /// <summary>Compares the channels of the manifest with those of the graph.</summary>
    /// <exception cref="ManifestException">They differ.</exception>
    public static void CheckChannels(PreprocessManifest preprocess, TensorLayout layout, string file)
    {
        int channels = layout.Channels;
        bool isGray = preprocess.Color == ChannelOrder.Gray;
        List<string> errors = [];
        if (channels == 1 && !isGray && preprocess.Color != ChannelOrder.Bands)
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

    /// <summary>The trial runs.</summary>
    /// <param name="progress">Called before each run with its input.</param>
    /// <param name="cancellationToken">Stops the runs.</param>
    /// <exception cref="ManifestException">The graph's declaration or an output contradicts the manifest.</exception>
    public TrialFindings Run(Action<string> progress, CancellationToken cancellationToken)
    {
        ImageSize smallest = Smallest();
        bool isFixed = _manifest.Preprocess.Size.Fixed is not null;
        int maxBatch = Math.Min(_manifest.Graph.MaxBatch, _graph.MaxBatch);

        // In a batch, the other images are full ones.
        TrialImage image = maxBatch > 1 ? TrialImage.Middle : TrialImage.Full;
        Progress(1, smallest);
        TrialResult first = Try(_session.Narrow, 1, smallest, image, cancellationToken);
        Progress(1, smallest);
        TrialResult again = Try(_session.Wide, 1, smallest, image, cancellationToken);
        if (first.Difference(again) > Tolerance)
        {
            throw Wrong(
                "expected the same result in each run of one input, got two results; the graph probably holds a Dropout in training " +
                "mode or a random operator: export it in evaluation mode");
        }

        if (maxBatch > 1)
        {
            Progress(2, smallest);
            if (again.Difference(Try(_session.Wide, 2, smallest, image, cancellationToken)) > Tolerance)
            {
                maxBatch = 1;
                _warnings.Add(
                    "graph.max_batch: the result of an image depends on the other images of its batch; images run one at a time");
            }
        }

        if (!isFixed)
        {
            // The sides differ and have few divisors, so that fixed shapes and swapped axes show.
            ImageSize oblong = Oblong(smallest);
            Progress(1, oblong);
            Try(_session.Wide, 1, oblong, TrialImage.Full, cancellationToken);
        }

        return Findings(maxBatch);

        void Progress(int batch, ImageSize size) => progress(_session.Layout.Describe(batch, size));
    }

    /// <summary>Runs the graph on a full image.</summary>
    /// <inheritdoc cref="WarmUp(InputTensor, int, CancellationToken)"/>
    public void WarmUp(int batch, ImageSize size, int runs, CancellationToken cancellationToken)
    {
        using InputTensor input = TrialImage.Full.Create(batch, size, _session.Layout, _manifest.Preprocess);
        WarmUp(input, runs, cancellationToken).Dispose();
    }

    /// <summary>Runs the graph, and checks the output's shape, and that the scores are finite.</summary>
    /// <returns>The output of the last run; the caller disposes it.</returns>
    /// <exception cref="ManifestException">The output contradicts the manifest.</exception>
    public ModelOutput WarmUp(InputTensor input, int runs, CancellationToken cancellationToken)
    {
        for (int i = 1; i < runs; i++)
        {
            Run(_session, input, cancellationToken).Dispose();
        }

        using Owned<ModelOutput> output = new(Run(_session, input, cancellationToken));
        Check(input, _check.Errors(output.Value, input.Batch));
        return output.Release();
    }

    /// <summary>Gives the memory of the runs so far back to the system.</summary>
    public void GiveMemoryBack()
    {
        using InputTensor input = new(1, Smallest(), _session.Layout);
        _session.GiveMemoryBack(input);
    }

    // On small inputs: the result is copied, and every value is looked at.
    private TrialResult Try(IModelSession session, int batch, ImageSize size, TrialImage image, CancellationToken cancellationToken)
    {
        using InputTensor input = image.Create(batch, size, _session.Layout, _manifest.Preprocess);
        using ModelOutput output = Run(session, input, cancellationToken);
        Check(input, _check.Errors(output, batch));
        Check(input, _check.Look(output, batch));
        _grids.Add((size, new ImageSize(output.Width, output.Height)));
        return TrialResult.Of(output, _graph.Kind);
    }

    private void Check(InputTensor input, IEnumerable<string> errors)
    {
        string shape = input.Layout.Describe(input.Batch, input.Size);
        string[] found = [.. errors.Select(error => $"with an input of {shape}, {error}")];
        if (found.Length > 0)
        {
            throw Wrong(found);
        }
    }

    private TrialFindings Findings(int maxBatch)
    {
        if (_check.Refusal() is { } refusal)
        {
            throw Wrong(refusal);
        }

        OutputGrid grid = OutputGrid.Fit(_grids, _manifest.Graph, out string? error);
        if (error is not null)
        {
            throw Wrong(error);
        }

        _warnings.AddRange(_check.Warnings());
        int side = (int)Math.Sqrt(_manifest.Preprocess.Resize.MaxPixels);
        ImageSize largest = _manifest.Preprocess.Size.Fixed is [int height, int width] ? new(width, height) : new(side, side);
        long bytes = grid.Bytes(largest, _check.Channels, _graph.Kind, out _);
        if (bytes > Array.MaxLength)
        {
            _warnings.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"preprocess.resize.max_pixels: an input of {largest} would give {bytes:N0} bytes of scores, more " +
                $"than {Array.MaxLength:N0}; ") +
                "larger images are refused unless they run in tiles (inference.mode \"slide\")");
        }

        return new TrialFindings(maxBatch, grid, _warnings);
    }

    private ImageSize Smallest()
    {
        if (_manifest.Preprocess.Size.Fixed is [int height, int width])
        {
            return new ImageSize(width, height);
        }

        if (TensorLayout.Sides(_session.Signature.Inputs[0].Shape) is ( > 0 and int rows, > 0 and int columns))
        {
            throw Wrong(
                $"preprocess.size.fixed: expected [{rows}, {columns}] with the resize mode \"exact\", because the " +
                "graph takes no other size");
        }

        InputSizing sizing = new(_manifest.Preprocess);
        return new ImageSize(sizing.Legal(1), sizing.Legal(1));
    }

    private ImageSize Oblong(ImageSize smallest)
    {
        InputSizing sizing = new(_manifest.Preprocess);
        int width = sizing.Legal(smallest.Width + 11);
        return new ImageSize(width, sizing.Legal(width + 1));
    }

    private ModelOutput Run(IModelSession session, InputTensor input, CancellationToken cancellationToken)
    {
        try
        {
            return session.Run(input, cancellationToken);
        }
        catch (SegmentationException e)
        {
            string key = input.Batch > 1 ? "graph.max_batch" : "preprocess.size";
            throw Wrong(
                $"{key}: expected a graph that runs at every legal size, but it fails on an input of " +
                $"{input.Layout.Describe(input.Batch, input.Size)}: {e.InnerException?.Message}");
        }
    }

    private ManifestException Wrong(params IReadOnlyList<string> errors) => new(_file, errors);
}

/// <summary>The first image's result in a trial run.</summary>
/// <param name="Scores">Its scores, or its labels as numbers.</param>
/// <param name="AreLabels">Whether the numbers are labels.</param>
internal sealed record TrialResult(float[] Scores, bool AreLabels)
{
    /// <summary>Copies a result.</summary>
    public static TrialResult Of(ModelOutput output, OutputKind kind)
    {
        if (kind != OutputKind.Labels)
        {
            return new TrialResult(output.Scores().ToArray(), AreLabels: false);
        }

        ushort[] labels = new ushort[output.Height * output.Width];
        output.CopyLabels(labels, ushort.MaxValue);
        return new TrialResult([.. labels.Select(label => (float)label)], AreLabels: true);
    }

    /// <summary>How far another result of the same shape lies from this one: the share of the labels that differ, or
    /// the largest difference of a score as a share of the scores' range.</summary>
    public float Difference(TrialResult other)
    {
        if (other.Scores.Length != Scores.Length)
        {
            return 1;
        }

        if (AreLabels)
        {
            return Scores.Zip(other.Scores).Count(pair => pair.First != pair.Second) / (float)Scores.Length;
        }

        float range = Math.Max(Scores.Max() - Scores.Min(), float.Epsilon);
        return Scores.Zip(other.Scores, (a, b) => Math.Abs(a - b)).Max() / range;
    }
}

/// <summary>A kind of input for trial runs.</summary>
/// <param name="Lowest">Darkest value of a channel before normalisation, in 8-bit steps.</param>
/// <param name="Highest">Brightest value of a channel.</param>
internal sealed record TrialImage(byte Lowest, byte Highest)
{
    private const int Block = 8;

    /// <summary>From black to white.</summary>
    public static TrialImage Full { get; } = new(0, byte.MaxValue);

    /// <summary>Without the extremes. In a batch, the other images are <see cref="Full"/>, so that a network which mixes
    /// the images of a batch shows it.</summary>
    public static TrialImage Middle { get; } = new(64, 191);

    /// <summary>Makes the input that preprocessing would make of such an image.</summary>
    public InputTensor Create(int batch, ImageSize size, TensorLayout layout, PreprocessManifest preprocess)
    {
        InputTensor input = new(batch, size, layout);
        int plane = (int)size.Pixels;
        for (int image = 0; image < batch; image++)
        {
            (byte low, byte high) = image == 0 ? (Lowest, Highest) : (Full.Lowest, Full.Highest);
            for (int channel = 0; channel < layout.Channels; channel++)
            {
                Span<float> values = input.Values.Span.Slice(((image * layout.Channels) + channel) * plane, plane);
                Fill(values, size, channel, low, high, preprocess);
            }
        }

        return input;
    }

    // Blocks of one colour with noise in every second one: flat areas and edges, as images have.
    private static void Fill(Span<float> values, ImageSize size, int channel, byte low, byte high, PreprocessManifest preprocess)
    {
        uint noise = 0x9E3779B9u + (uint)channel;
        for (int y = 0, i = 0; y < size.Height; y++)
        {
            for (int x = 0; x < size.Width; x++, i++)
            {
                noise = (noise * 1664525) + 1013904223;
                uint block = ((uint)(y / Block) * 7919) + ((uint)(x / Block) * 104729) + ((uint)channel * 1299709);
                block = (block ^ (block >> 7)) * 2654435761;
                uint level = (block & 0x400) == 0 ? noise >> 24 : block >> 24;
                level = (block & 0x3800) switch
                {
                    0 => 0,
                    0x800 => byte.MaxValue,
                    _ => level,
                };
                values[i] = preprocess.Normalized(channel, low + (level * (uint)(high - low) / byte.MaxValue));
            }
        }
    }
}
