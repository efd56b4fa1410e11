using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime;

/// <summary>The one place that wires the runtime.</summary>
public static class ServiceCollectionExtensions
{
    /// <summary>Adds <see cref="Segmenter"/> and all it needs; options come from the sections Models, Decoding, Scheduling and Onnx.</summary>
    public static IServiceCollection AddSegmentation(this IServiceCollection services)
    {
        services.AddSection<ModelRepositoryOptions, ModelRepositoryOptionsValidator>("Models");
        services.AddSection<DecodingOptions, DecodingOptionsValidator>("Decoding");
        services.AddSection<SchedulingOptions, SchedulingOptionsValidator>("Scheduling");
        services.AddSection<OnnxOptions, OnnxOptionsValidator>("Onnx");
        services.AddSingleton<IValidateOptions<OnnxOptions>, OnnxConsistency>();
        services.AddMetrics();
        services.AddSingleton<SessionFactory>();
        services.AddSingleton<ModelLoader>();
        services.AddSingleton<ModelRepository>();
        services.AddSingleton<ModelInspector>();
        services.AddSingleton<ImageDecoder>();
        services.AddSingleton<Admission>();
        services.AddSingleton<SegmentationMetrics>();
        services.AddSingleton<Segmenter>();
        return services;
    }

    private static void AddSection<TOptions, TValidator>(this IServiceCollection services, string section)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>, new()
    {
        services.AddOptions<TOptions>().BindConfiguration(section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<TOptions>>(new SectionValidator<TOptions>(section, new TValidator()));
    }
}
