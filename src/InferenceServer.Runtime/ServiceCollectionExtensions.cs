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
        services.AddOptionsWithValidateOnStart<ModelRepositoryOptions, ModelRepositoryOptionsValidator>().BindConfiguration("Models");
        services.AddOptionsWithValidateOnStart<DecodingOptions, DecodingOptionsValidator>().BindConfiguration("Decoding");
        services.AddOptionsWithValidateOnStart<SchedulingOptions, SchedulingOptionsValidator>().BindConfiguration("Scheduling");
        services.AddOptionsWithValidateOnStart<OnnxOptions, OnnxOptionsValidator>().BindConfiguration("Onnx");
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
}
