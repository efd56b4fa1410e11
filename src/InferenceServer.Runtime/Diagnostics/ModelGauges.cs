using System.Diagnostics.Metrics;
using System.Reflection;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Scheduling;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Diagnostics;

/// <summary>What is so at the moment: the models, their queues, the buffers and the build. Read when somebody asks, so it costs nothing in between.</summary>
public sealed class ModelGauges
{
    private readonly ModelRepository _repository;

    private IEnumerable<LoadedModel> Loaded => _repository.Entries.Select(e => e.Model).OfType<LoadedModel>();

    /// <summary>Creates the instruments.</summary>
    public ModelGauges(IMeterFactory meters, ModelRepository repository, Admission admission)
    {
        _repository = repository;
        Meter meter = meters.Create(SegmentationMetrics.MeterName);
        meter.CreateObservableGauge("seg_model_state", States, description: "1 for the state that the model is in.");
        meter.CreateObservableGauge("seg_provider_info", Providers, description: "1 for the provider that runs the model.");
        meter.CreateObservableGauge("seg_model_load_seconds", () => Each(m => m.LoadTime.TotalSeconds), "s", "Time that reading, trying and warming the model took.");
        meter.CreateObservableGauge("seg_admitted_requests", () => admission.Requests, "{request}", "Requests in the server, of all models; limited by Scheduling:MaxRequests.");
        meter.CreateObservableGauge("seg_buffer_rented_bytes", () => BufferUsage.RentedBytes, "By", "Bytes of image, tensor and mask buffers in use; near 0 when idle.");
        meter.CreateObservableCounter("seg_buffer_unpooled_total", () => BufferUsage.Unpooled, "{buffer}", "Buffers too large for the pool, which the garbage collector frees.");
        meter.CreateObservableGauge("seg_build_info", Build, description: "1; the labels say what runs.");
    }

    private static Measurement<int> Build()
    {
        string version = typeof(ModelGauges).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        return new Measurement<int>(1, new("version", version.Split('+')[0]), new("ort_version", SessionFactory.RuntimeVersion));
    }

    private IEnumerable<Measurement<int>> States() => _repository.Entries.Select(e => new Measurement<int>(
        1, Labels.Model(e.Name), new("version", e.Model is null ? "" : Labels.Number(e.Model.Version)), new("state", e.State.ToString().ToUpperInvariant())));

    private IEnumerable<Measurement<int>> Providers() =>
        Loaded.Select(m => new Measurement<int>(1, Labels.Model(m.Name), new("provider", m.Session.Provider.ToString().ToLowerInvariant())));

    private IEnumerable<Measurement<double>> Each(Func<LoadedModel, double> value) =>
        Loaded.Select(m => new Measurement<double>(value(m), Labels.Model(m.Name), new("version", Labels.Number(m.Version))));
}
