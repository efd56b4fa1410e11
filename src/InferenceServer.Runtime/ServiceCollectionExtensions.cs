using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Decoding;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Inference;
using InferenceServer.Runtime.Inspection;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Scheduling;
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
        services.AddOptions<ModelRepositoryOptions>().BindConfiguration("Models").ValidateOnStart(new ModelRepositoryOptionsValidator(), "Models");
        services.AddOptions<DecodingOptions>().BindConfiguration("Decoding").ValidateOnStart(new DecodingOptionsValidator(), "Decoding");
        services.AddOptions<SchedulingOptions>().BindConfiguration("Scheduling").ValidateOnStart(new SchedulingOptionsValidator(), "Scheduling");
        services.AddOptions<BatchingOptions>().BindConfiguration("Batching").ValidateOnStart(new BatchingOptionsValidator(), "Batching");
        services.AddOptions<OnnxOptions>().BindConfiguration("Onnx").ValidateOnStart(new OnnxOptionsValidator(), "Onnx");
        services.AddOptions<InferenceOptions>().BindConfiguration("Inference").ValidateOnStart(new InferenceOptionsValidator(), "Inference");
        services.AddOptions<CrfOptions>().BindConfiguration("Crf").ValidateOnStart(new CrfOptionsValidator(), "Crf");
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
        services.AddSingleton<InferenceModes>();
        services.AddSingleton<PassRunner>();
        services.AddSingleton<Admission>();
        services.AddSingleton<AdmissionControl>();
        services.AddSingleton<CpuStages>();
        services.AddSingleton<SchedulerFactory>();
        services.AddSingleton<SegmentationMetrics>();
        services.AddSingleton<ModelGauges>();
        services.AddSingleton<Segmenter>();
        services.AddSingleton<TensorRunner>();
        return services;
    }

    /// <summary>Checks options when the host starts, with messages that name the key of the configuration.</summary>
    public static void ValidateOnStart<TOptions>(this OptionsBuilder<TOptions> options, IValidateOptions<TOptions> validator, string section)
        where TOptions : class
    {
        options.ValidateOnStart();
        options.Services.AddSingleton<IValidateOptions<TOptions>>(new SectionValidator<TOptions>(section, validator));
    }
}
