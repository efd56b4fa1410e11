using System.Security.Cryptography;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Kernels;
using InferenceServer.Kernels.Normalization;
using InferenceServer.Kernels.Resizing;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Inspection;

/// <summary>Drafts the manifest of a model: measured values where a trial run shows them, else the most common
/// values.</summary>
internal static class ManifestDraft
{
    private const int LargestBatch = 8;
    private static readonly float[] ImageNetMean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] ImageNetStd = [0.229f, 0.224f, 0.225f];

    /// <summary>The values that every draft assumes, because no trial run can show them.</summary>
    /// <param name="channels">Channels of the image input.</param>
    public static IReadOnlyList<string> Assumptions(int channels) =>
    [
        Preprocess(channels),
        "preprocess.resize: images are not resized first; check what the model was evaluated with.",
        "postprocess.align_corners: false; true for weights of Caffe and semseg.",
        "classes: the names are numbers and the colours are Pascal VOC's.",
    ];

    /// <summary>Drafts a manifest that <see cref="ManifestReader"/> accepts.</summary>
    /// <param name="file">The ONNX file; its hash goes into the draft.</param>
    /// <param name="name">The model's folder; null leaves the name out, and the name of the folder is used.</param>
    /// <param name="graph">What the file declares.</param>
    /// <param name="inspection">What the trial runs showed.</param>
    public static ModelManifest Create(string file, string? name, GraphDescription graph, ModelInspection inspection)
    {
        using FileStream stream = File.OpenRead(file);
        return new ModelManifest
        {
            Schema = 1,
            Name = name,
            Source = new SourceManifest
            {
                Exporter = graph.Producer.Length > 0 ? graph.Producer : null,
                Opset = graph.Opset,
                Sha256 = Convert.ToHexStringLower(SHA256.HashData(stream)),
            },
            Graph = new GraphManifest
            {
                Input = inspection.Input,
                Output = new GraphOutput(inspection.Output),
                MaxBatch = inspection.Batches ? LargestBatch : 1,
                OutputKind = inspection.Kind,
                OutputStride = inspection.OutputStride,
                OutputScale = inspection.OutputScale,
            },
            Preprocess = Preprocess(inspection),
            Postprocess = new PostprocessManifest { Activation = inspection.Kind == OutputKind.BinaryLogit ? "sigmoid" : "softmax" },
            Classes = new ClassesManifest
            {
                Names = [.. Enumerable.Range(0, inspection.Classes).Select(i => $"class_{i}")],
                Palette = ["voc"],
            },
        };
    }

    private static string Preprocess(int channels) => channels switch
    {
        1 => "preprocess: gray from 0 to 1; wrong values rarely fail, they cost accuracy. Check them against the " +
            "training code.",
        3 => "preprocess: RGB, normalised as ImageNet models are; wrong values rarely fail, they cost accuracy. Check " +
            "them against the training code.",
        _ => $"preprocess: the graph takes {channels} channels, and an image has three. Clients must send normalised " +
            "tensors.",
    };

    private static PreprocessManifest Preprocess(ModelInspection inspection)
    {
        (ChannelOrder color, float[] mean, float[] std) = inspection.InputChannels switch
        {
            3 => (ChannelOrder.Rgb, ImageNetMean, ImageNetStd),
            1 => (ChannelOrder.Gray, [0], [1]),
            int channels => (ChannelOrder.Rgb, new float[channels], [.. Enumerable.Repeat(1f, channels)]),
        };
        IReadOnlyList<int>? only = inspection.Fixed is { } size ? [size.Height, size.Width] : null;
        return new PreprocessManifest
        {
            Color = color,
            Scale = 1f / 255,
            Mean = mean,
            Std = std,
            Resize = only is null
                ? new ResizeManifest { Mode = ResizeMode.None, Filter = ResizeFilter.Bilinear, Antialias = true }
                : new ResizeManifest { Mode = ResizeMode.Exact, Size = only, Filter = ResizeFilter.Bilinear, Antialias = true },
            Size = new SizeManifest
            {
                Multiple = inspection.Rule?.Multiple ?? 1,
                Offset = inspection.Rule?.Offset ?? 0,
                Fixed = only,
                Min = Math.Min(inspection.Smallest.Width, inspection.Smallest.Height),
            },
            Pad = new PadManifest(),
        };
    }
}
