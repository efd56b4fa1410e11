using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Configuration;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Passes;
using InferenceServer.Runtime.Pipeline;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime;

/// <summary>The one place that wires the runtime.</summary>
public static class ServiceCollectionExtensions
{
    /// <summary>Adds <see cref="Segmenter"/> and all it needs; options come from the sections Models, Decoding, Scheduling, Batching, Onnx, Inference and Crf.</summary>
    public static IServiceCollection AddSegmentation(this IServiceCollection services)
    {
        NativeHeap.Bound();
        services.AddSection("Models", new ModelRepositoryOptionsValidator());
        services.AddSection("Decoding", new DecodingOptionsValidator());
        services.AddSection("Scheduling", new SchedulingOptionsValidator());
        services.AddSection("Batching", new BatchingOptionsValidator());
        services.AddSection("Onnx", new OnnxOptionsValidator());
        services.AddSection("Inference", new PassOptionsValidator());
        services.AddSection("Crf", new CrfOptionsValidator());
        services.AddSingleton<IValidateOptions<OnnxOptions>, OnnxConsistency>();
        services.AddSingleton<IValidateOptions<SchedulingOptions>, SchedulingConsistency>();
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<SessionFactory>();
        services.AddSingleton<ModelLoader>();
        services.AddSingleton(provider => new ModelRepository(
            provider.GetRequiredService<ModelLoader>(), provider.GetRequiredService<IOptions<ModelRepositoryOptions>>(),
            provider.GetRequiredService<SegmentationMetrics>(), provider.GetRequiredService<ILogger<ModelRepository>>()));
        services.AddSingleton<ModelInspector>();
        services.AddSingleton<ImageDecoder>();
        services.AddSingleton<CrfRefiner>();
        services.AddSingleton<MaskRefinement>();
        services.AddSingleton<PassPolicy>();
        services.AddSingleton<PassRunner>();
        services.AddSingleton<InFlightLimits>();
        services.AddSingleton<AdmissionControl>();
        services.AddSingleton<CpuGate>();
        services.AddSingleton<SchedulerFactory>();
        services.AddSingleton<SegmentationMetrics>();
        services.AddSingleton<ModelGauges>();
        services.AddSingleton<Segmenter>();
        services.AddSingleton<TensorRunner>();
        return services;
    }
}
