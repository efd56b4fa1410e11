using System.Diagnostics.Metrics;
using System.Reflection;
using InferenceServer.Runtime.Buffers;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Admission;
using InferenceServer.Runtime.Refinement;
using InferenceServer.Runtime.Sessions;

namespace InferenceServer.Runtime.Models;

/// <summary>Gauges of the models, their queues, the buffers and the build, read at each scrape.</summary>
/// <remarks><see cref="SegmentationMetrics"/> counts events.</remarks>
internal sealed class ModelGauges
{
    private readonly ModelRepository _repository;

    /// <summary>Creates the instruments.</summary>
    public ModelGauges(
        IMeterFactory meters, ModelRepository repository, IModelSource source, TimeProvider time, SessionFactory sessions,
        InFlightLimits admission, KeptLattices lattices)
    {
        _repository = repository;
        Meter meter = meters.Create(SegmentationMetrics.MeterName);
        meter.CreateObservableGauge("seg_model_state", States, description: "1 for the state that the model is in.");
        meter.CreateObservableGauge("seg_provider_info", Providers, description: "1 for the provider that runs the model.");
        meter.CreateObservableCounter(
            "seg_provider_fallback_total", () => sessions.Fallbacks, "{session}",
            "Sessions that run on the CPU because the GPU could not be had.");
        meter.CreateObservableGauge(
            "seg_model_load_seconds", () => Each(m => m.LoadTime.TotalSeconds), "s",
            "Time that reading, trying and warming the model took.");
        meter.CreateObservableGauge(
            "seg_warmup_seconds", () => Each(m => m.WarmUpTime.TotalSeconds), "s",
            "The share of it that trying and warming took.");
        meter.CreateObservableGauge(
            "seg_queue_depth", () => Queues(queue => queue.Images), "{image}",
            "Inputs that wait for the network.");
        meter.CreateObservableGauge(
            "seg_queue_pixels", () => Queues(queue => queue.Pixels), "{pixel}",
            "Their pixels, padding included.");
        meter.CreateObservableGauge("seg_running", () => Sums(m => m.Scheduler.Running), "{image}", "Inputs that the network works on.");
        meter.CreateObservableGauge(
            "seg_backlog_limit", () => Sums(m => m.Scheduler.Backlog.Limit), "{request}",
            "Requests admitted before the network; small while the server is overloaded.");
        meter.CreateObservableGauge(
            "seg_admitted_pixels", () => admission.Pixels, "{pixel}",
            "Pixels of the decoded images in the server; limited by Scheduling:MaxPixelsInFlight.");
        meter.CreateObservableGauge(
            "seg_admitted_bytes", () => admission.Bytes, "By",
            "Bytes of the encoded images in the server; limited by Scheduling:MaxBytesInFlight.");
        meter.CreateObservableGauge(
            "seg_admitted_requests", () => admission.Requests, "{request}",
            "Requests in the server, of all models; limited by Scheduling:MaxRequests.");
        meter.CreateObservableGauge(
            "seg_arriving_requests", () => admission.Readers, "{request}",
            "Requests whose bodies arrive; limited to four times Scheduling:MaxRequests.");
        meter.CreateObservableGauge(
            "seg_waiting_answer_bytes", () => admission.AnswerBytes, "By",
            "Bytes of answers that wait for their clients; limited by Scheduling:MaxAnswerBytes.");
        meter.CreateObservableGauge(
            "seg_crf_kept_bytes", () => lattices.Bytes, "By",
            "Bytes of lattices that are kept for another refinement of the same image; limited by Crf:KeptBytes.");
        meter.CreateObservableGauge(
            "seg_buffer_rented_bytes", () => PooledArrays.RentedBytes, "By",
            "Bytes of image, tensor and mask buffers in use; near 0 when idle.");
        meter.CreateObservableGauge(
            "seg_buffer_kept_bytes", () => PooledArrays.KeptBytes, "By",
            "Bytes of large buffers that are kept for the next image.");
        meter.CreateObservableCounter(
            "seg_arena_shrinkages_total", () => ArenaUsage.Shrinkages, "{run}",
            "Runs after which a session gave memory back that a rare, large image had needed.");
        meter.CreateObservableGauge(
            "seg_model_store_age_seconds", () => Age(source, time), "s",
            "Time since the place of Models:Path was last seen; none for a folder.");
        meter.CreateObservableCounter(
            "seg_model_store_failures_total", () => Failures(source), "{look}",
            "Looks at the place of Models:Path that failed, or could not pull a model.");
        meter.CreateObservableGauge("seg_build_info", Build, description: "1; the labels say what runs.");
    }

    private IEnumerable<LoadedModel> Loaded => _repository.Entries.SelectMany(e => e.Versions);

    private static IEnumerable<Measurement<double>> Age(IModelSource source, TimeProvider time)
    {
        if (source.Looked is { } looked)
        {
            yield return new Measurement<double>((time.GetUtcNow() - looked).TotalSeconds);
        }
    }

    private static IEnumerable<Measurement<long>> Failures(IModelSource source)
    {
        if (source.Watched is null)
        {
            yield return new Measurement<long>(source.Failures);
        }
    }

    private static Measurement<int> Build()
    {
        string version =
            typeof(ModelGauges).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            ?? "";
        return new Measurement<int>(1, new("version", version.Split('+')[0]), new("ort_version", SessionFactory.RuntimeVersion));
    }

    // One measurement for each serving version; a model without a serving version has no version label.
    private IEnumerable<Measurement<int>> States() => _repository.Entries.SelectMany(e => e.Versions.Count > 0
        ? e.Versions.Select(m => State(e, MetricTags.Number(m.Version)))
        : [State(e, "")]);

    private static Measurement<int> State(ModelEntry entry, string version) =>
        new(1, MetricTags.Model(entry.Name), new("version", version), new("state", entry.State.ToString().ToUpperInvariant()));

    private IEnumerable<Measurement<int>> Providers() => Loaded.Select(m => (m.Name, m.Session.Provider)).Distinct()
        .Select(m => new Measurement<int>(1, MetricTags.Model(m.Name), new("provider", m.Provider.ToString().ToLowerInvariant())));

    private IEnumerable<Measurement<long>> Sums(Func<LoadedModel, long> value) =>
        _repository.Entries.Where(e => e.Versions.Count > 0)
            .Select(e => new Measurement<long>(e.Versions.Sum(value), MetricTags.Model(e.Name)));

    private IEnumerable<Measurement<long>> Queues(Func<(int Images, long Pixels), long> value) =>
        from entry in _repository.Entries
        where entry.Versions.Count > 0
        from priority in Enum.GetValues<Priority>()
        select new Measurement<long>(
            entry.Versions.Sum(m => value(m.Scheduler.Queued(priority))),
            MetricTags.Model(entry.Name), MetricTags.Priority(priority == Priority.Background));

    private IEnumerable<Measurement<double>> Each(Func<LoadedModel, double> value) =>
        Loaded.Select(m => new Measurement<double>(value(m), MetricTags.Model(m.Name), new("version", MetricTags.Number(m.Version))));
}
