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
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime;

/// <summary>The one place that wires the runtime.</summary>
public static class ServiceCollectionExtensions
{
    /// <summary>Adds segmentation with options that are set in code. The host loads the models when it starts, and
    /// follows changes in their folder.</summary>
    /// <param name="services">The services of a host; they get <see cref="ISegmenter"/>.</param>
    /// <param name="configure">Sets the options; null keeps the defaults.</param>
    /// <inheritdoc cref="AddSegmentation(IServiceCollection, IConfiguration)"/>
    public static IServiceCollection AddSegmentation(this IServiceCollection services, Action<SegmentationOptions>? configure = null)
    {
        services.AddOptions<SegmentationOptions>().Configure(options => configure?.Invoke(options));
        return services.AddRuntime(path: "");
    }

    /// <summary>Adds segmentation with options from a configuration. The host loads the models when it starts, and
    /// follows changes in their folder.</summary>
    /// <param name="services">The services of a host; they get <see cref="ISegmenter"/>.</param>
    /// <param name="configuration">A section with the members of <see cref="SegmentationOptions"/>, in which any
    /// other key is an error; or the root of the configuration,
    /// which may have other sections.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="OptionsValidationException">When the host starts: a value is out of its range, or a key is
    /// unknown. The message names the key.</exception>
    public static IServiceCollection AddSegmentation(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<SegmentationOptions>().Configure(options => OptionsSection.Bind(configuration, options));
        return services.AddRuntime(configuration is IConfigurationSection section ? section.Path + ConfigurationPath.KeyDelimiter : "");
    }

    private static IServiceCollection AddRuntime(this IServiceCollection services, string path)
    {
        services.AddOptions<SegmentationOptions>()
            .PostConfigure(static options =>
            {
                if (options.OwnsProcess)
                {
                    NativeHeap.Bound();
                    Libvips.OwnProcess();
                }
            })
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<SegmentationOptions>>(new SegmentationOptionsValidator(path));
        services.AddPart(path + "Models", options => options.Models);
        services.AddPart(path + "Decoding", options => options.Decoding);
        services.AddPart(path + "Scheduling", options => options.Scheduling);
        services.AddPart(path + "Batching", options => options.Batching);
        services.AddPart(path + "Onnx", options => options.Onnx);
        services.AddPart(path + "Inference", options => options.Inference);
        services.AddPart(path + "Crf", options => options.Crf);
        services.AddPart(path + "S3", options => options.S3);
        services.AddLogging();
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ObjectStores>();
        services.AddSingleton<SessionFactory>();
        services.TryAddSingleton(ProcessorTraits.Current);
        services.AddSingleton<VariantChoice>();
        services.AddSingleton<ModelLoader>();
        services.AddSingleton(PulledModels.CreateSource);
        services.AddSingleton<ModelRepository>();
        services.AddSingleton<ModelInspector>();
        services.AddSingleton<ImageDecoder>();
        services.AddSingleton<CrfRefiner>();
        services.AddSingleton<KeptLattices>();
        services.AddSingleton<PassPolicy>();
        services.AddSingleton<PassesStage>();
        services.AddSingleton<SegmentationPipeline>();
        services.AddSingleton<InFlightLimits>();
        services.AddSingleton<AdmissionControl>();
        services.AddSingleton<CpuGate>();
        services.AddSingleton<SchedulerFactory>();
        services.AddSingleton<SegmentationMetrics>();
        services.AddSingleton<ModelGauges>();
        services.AddSingleton<Segmenter>();
        services.AddSingleton<ISegmenter>(provider => provider.GetRequiredService<Segmenter>());
        services.AddSingleton<TensorRunner>();
        services.AddSingleton<RetryingAdmission>();
        services.AddHostedService<ModelLoading>();
        services.AddHostedService<ModelWatcher>();
        services.AddHostedService<MemoryUpkeep>();
        return services;
    }

    // What needs one section depends on that section alone.
    private static void AddPart<TOptions>(this IServiceCollection services, string section, Func<SegmentationOptions, TOptions> part)
        where TOptions : class
    {
        services.AddSingleton(new BoundSection(section, typeof(TOptions)));
        services.AddSingleton(provider => Options.Create(part(provider.GetRequiredService<IOptions<SegmentationOptions>>().Value)));
    }
}
