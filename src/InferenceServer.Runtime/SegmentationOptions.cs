using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Configuration;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime;

/// <summary>All options of segmentation. Each member is a section of the configuration, with the name of the
/// member.</summary>
public sealed class SegmentationOptions
{
    /// <summary>Where the models are, and how changes are followed.</summary>
    public ModelRepositoryOptions Models { get; } = new();

    /// <summary>Limits on images.</summary>
    public DecodingOptions Decoding { get; } = new();

    /// <summary>How many requests run, wait and are held in memory, and for how long.</summary>
    public SchedulingOptions Scheduling { get; } = new();

    /// <summary>How images share a run of the network.</summary>
    public BatchingOptions Batching { get; } = new();

    /// <summary>How networks run.</summary>
    public OnnxOptions Onnx { get; } = new();

    /// <summary>What several passes of one request may cost.</summary>
    public PassOptions Inference { get; } = new();

    /// <summary>What refinement may cost.</summary>
    public CrfOptions Crf { get; } = new();

    /// <summary>The object store behind <c>s3://</c>.</summary>
    public S3Options S3 { get; } = new();

    /// <summary>Whether settings of the whole process may be changed for segmentation: the bounds of glibc's heap,
    /// the least number of threads in the thread pool,
    /// libvips' threads, messages and block on rarely tested formats, and a garbage collection after each minute with
    /// many allocations. For a program that does nothing else.
    /// Default false.</summary>
    public bool OwnsProcess { get; set; }
}

/// <summary>Checks every section. Messages name the keys as the configuration has them.</summary>
/// <param name="path">The configuration key that the sections lie under, with a colon at its end; empty at the
/// root.</param>
internal sealed class SegmentationOptionsValidator(string path) : IValidateOptions<SegmentationOptions>
{
    public ValidateOptionsResult Validate(string? name, SegmentationOptions options)
    {
        ValidateOptionsResultBuilder result = new();
        Add("Models", options.Models, new ModelRepositoryOptionsValidator());
        Add("Decoding", options.Decoding, new DecodingOptionsValidator());
        Add("Scheduling", options.Scheduling, new SchedulingOptionsValidator());
        Add("Batching", options.Batching, new BatchingOptionsValidator());
        Add("Onnx", options.Onnx, new OnnxOptionsValidator());
        Add("Inference", options.Inference, new PassOptionsValidator());
        Add("Crf", options.Crf, new CrfOptionsValidator());
        Add("S3", options.S3, new S3OptionsValidator());
        result.AddResult(new ModelPlaceValidator(path).Validate(name, options.Models));
        result.AddResult(new OnnxConsistency().Validate(name, options.Onnx));
        result.AddResult(new SchedulingConsistency().Validate(name, options.Scheduling));
        return result.Build();

        void Add<TOptions>(string section, TOptions value, IValidateOptions<TOptions> validator)
            where TOptions : class => result.AddResult(new SectionValidator<TOptions>(path + section, validator).Validate(name, value));
    }
}
