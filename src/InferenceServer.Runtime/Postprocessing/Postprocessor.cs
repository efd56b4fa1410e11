using InferenceServer.Kernels;
using InferenceServer.Kernels.Labeling;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Postprocessing;

/// <summary>The network's output to the class of every pixel of the photograph: padding and resizing undone, bilinear, argmax.</summary>
public sealed class Postprocessor
{
    private readonly OutputKind _kind;
    private readonly bool _alignCorners;
    private readonly float _threshold;
    private readonly byte _ignore;

    internal Postprocessor(ModelManifest manifest)
    {
        _kind = manifest.Graph.OutputKind;
        _alignCorners = manifest.Postprocess.AlignCorners;
        _threshold = manifest.Postprocess.Threshold ?? 0.5f;
        _ignore = (byte)manifest.Classes.Ignore;
    }

    /// <summary>Whether a confidence can be told; graphs that end in labels have none.</summary>
    public bool HasConfidence => _kind != OutputKind.Labels;

    /// <summary>Computes labels, and the confidence of each if asked for.</summary>
    /// <param name="output">Of one image.</param>
    /// <param name="geometry">How the photograph lay in the input.</param>
    /// <param name="withConfidence">Only where <see cref="HasConfidence"/>.</param>
    /// <returns>Labels at the photograph's size, which the caller disposes.</returns>
    public LabelMap Compute(ModelOutput output, in InputGeometry geometry, bool withConfidence)
    {
        ImageSize grid = new(output.Width, output.Height);
        AxisTaps rows = AxisTaps.Create(
            geometry.Photo.Height, geometry.Resized.Height, geometry.Input.Height, geometry.Top, grid.Height, _alignCorners);
        AxisTaps columns = AxisTaps.Create(
            geometry.Photo.Width, geometry.Resized.Width, geometry.Input.Width, geometry.Left, grid.Width, _alignCorners);
        LabelMap map = new(geometry.Photo, withConfidence);
        try
        {
            Compute(output, grid, rows, columns, map);
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }

    private void Compute(ModelOutput output, ImageSize grid, AxisTaps rows, AxisTaps columns, LabelMap map)
    {
        Span<byte> labels = map.Labels.Span;
        Span<byte> confidence = map.Confidence.Span;
        if (_kind == OutputKind.Labels)
        {
            using PooledBuffer<byte> small = new(checked((int)grid.Pixels));
            output.CopyLabels(small.Span, _ignore);
            NearestLabels.Resize(small.Span, grid, rows, columns, labels);
            return;
        }

        ScoreKind kind = _kind == OutputKind.Probabilities ? ScoreKind.Probabilities : ScoreKind.Logits;
        if (output.Channels == 1)
        {
            UpsampledThreshold.Compute(output.Scores(), grid, rows, columns, kind, _threshold, labels, confidence);
        }
        else
        {
            UpsampledArgMax.Compute(output.Scores(), output.Channels, grid, rows, columns, kind, labels, confidence);
        }
    }
}
