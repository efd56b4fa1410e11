using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Manifests;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Postprocessing;

namespace InferenceServer.Runtime;

/// <summary>The mask of one photograph, and the photograph itself. Whoever holds it disposes it.</summary>
public sealed class SegmentationResult : IDisposable
{
    internal SegmentationResult(LoadedModel model, RgbImage photo, Mask mask, StageTimings timings)
    {
        Model = model;
        Photo = photo;
        Mask = mask;
        Timings = timings;
    }

    /// <summary>The model that answered.</summary>
    public LoadedModel Model { get; }

    /// <summary>Names and colours of its classes.</summary>
    public ClassTable Classes => Model.Classes;

    /// <summary>The decoded, upright photograph.</summary>
    public RgbImage Photo { get; }

    /// <summary>The class of every pixel, at the photograph's size.</summary>
    public Mask Mask { get; }

    /// <summary>The time that each stage took.</summary>
    public StageTimings Timings { get; }

    /// <summary>What encoders can write of the result; valid until the result is disposed.</summary>
    public MaskContent Content => new()
    {
        Model = Model.Name,
        Version = Model.Version,
        Classes = Classes,
        Channels = Model.Postprocessor.Classes,
        Size = Mask.Size,
        Labels = Mask.Labels,
        Confidence = Mask.Confidence,
        Probabilities = Mask.Probabilities,
        Image = Photo.Pixels,
    };

    /// <summary>Gives all buffers back to the pool.</summary>
    public void Dispose()
    {
        Photo.Dispose();
        Mask.Dispose();
    }
}
