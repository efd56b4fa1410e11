using System.Globalization;
using InferenceServer.Runtime.Adaptation;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Batching;
using InferenceServer.Runtime.Diagnostics;
using InferenceServer.Runtime.Models;
using InferenceServer.Runtime.Preprocessing;
using InferenceServer.Runtime.Sessions;
using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference;

/// <summary>Describes models in the terms of the protocol, for HTTP and gRPC alike.</summary>
internal sealed class ModelCatalog(ModelRepository repository, SegmentationMetrics metrics, IOptions<BatchingOptions> batching)
{
    private const int Unknown = -1;
    private const int BatchAxisOnly = 1;
    private const int SidesOfImage = 2;

    /// <exception cref="SegmentationException">The model or version does not exist or is not ready.</exception>
    public ModelMetadata Metadata(string name, int? version)
    {
        (ProtocolModel view, LoadedModel model) = Find(name, version);
        return new ModelMetadata
        {
            Name = view.Name,
            Versions = [.. repository.Entry(view.Model).Versions.Select(m => Text(m.Version))],
            Inputs = [Input(view, model)],
            Outputs = [Output(view, model)],
        };
    }

    /// <exception cref="SegmentationException">The model or version does not exist or is not ready.</exception>
    public ModelConfiguration Configuration(string name, int? version)
    {
        (ProtocolModel view, LoadedModel model) = Find(name, version);
        TensorMetadata output = Output(view, model);
        // Some graphs that end in labels return H×W without a batch axis.
        bool hasBatchAxis = !view.IsImage && model.Session.Signature.Inputs[0].Shape[0] < 0 && output.Shape.Count > SidesOfImage;
        int skipped = hasBatchAxis ? BatchAxisOnly : 0;
        return new ModelConfiguration
        {
            Name = view.Name,
            MaxBatchSize = hasBatchAxis ? model.MaxBatch : 0,
            Input = [Configured(Input(view, model), skipped)],
            Output = [Configured(output, skipped)],
            InstanceGroup =
            [
                new InstanceGroup
                {
                    Count = model.Scheduler.Capacity / model.Scheduler.MaxBatch,
                    Kind = model.Session.Provider == ExecutionProvider.Cpu ? "KIND_CPU" : "KIND_GPU",
                }
            ],
            DynamicBatching = model.Scheduler.MaxBatch == 1 ? null : new DynamicBatching
            {
                PreferredBatchSize = [model.Scheduler.MaxBatch],
                MaxQueueDelayMicroseconds = (long)batching.Value.MaxQueueDelay.TotalMicroseconds,
            },
        };
    }

    /// <summary>Statistics of one model, or of all serving models.</summary>
    /// <exception cref="SegmentationException">The model or version does not exist or is not ready.</exception>
    public StatisticsReport Statistics(string? name, int? version)
    {
        if (string.IsNullOrEmpty(name))
        {
            return new StatisticsReport
            {
                ModelStats = [.. repository.Entries.SelectMany(e => e.Versions).Select(m => Statistics(m.Name, m))],
            };
        }

        (ProtocolModel view, LoadedModel model) = Find(name, version);
        IReadOnlyList<LoadedModel> versions = version is null ? repository.Entry(view.Model).Versions : [model];
        return new StatisticsReport { ModelStats = [.. versions.Select(m => Statistics(view.Name, m))] };
    }

    /// <summary>The repository's index: both forms of each model.</summary>
    /// <param name="onlyReady">Whether to list serving models only.</param>
    public IReadOnlyList<RepositoryEntry> Index(bool onlyReady) =>
    [
        .. from entry in repository.Entries
           where !onlyReady || entry.State == ModelState.Ready
           from isImage in (bool[])[false, true]
           from version in entry.Versions.Count > 0 ? entry.Versions.Select(m => Text(m.Version)) : [""]
           select new RepositoryEntry
           {
               Name = new ProtocolModel(entry.Name, isImage).Name,
               Version = version,
               State = entry.State.ToString().ToUpperInvariant(),
               Reason = entry.Reason ?? "",
           },
    ];

    /// <summary>The form of a model that a name selects.</summary>
    public ProtocolModel View(string name) => ProtocolModel.Parse(name, repository);

    /// <exception cref="SegmentationException">The model or version does not exist or is not ready.</exception>
    public (ProtocolModel View, LoadedModel Model) Find(string name, int? version)
    {
        ProtocolModel view = View(name);
        using ModelLease lease = repository.Lease(view.Model, version); // what is read here outlives the session
        return (view, lease.Model);
    }

    /// <summary>The input of a model in one of its forms.</summary>
    public static TensorMetadata Input(ProtocolModel view, LoadedModel model)
    {
        if (view.IsImage)
        {
            return new TensorMetadata { Name = ProtocolModel.Image, Datatype = Datatype.Bytes, Shape = [1] };
        }

        TensorSignature declared = model.Session.Signature.Inputs[0];
        TensorLayout layout = model.Session.Layout;
        (int height, int width) = TensorLayout.Sides(declared.Shape);
        if (model.Manifest.Preprocess.Size.Fixed is [int rows, int columns])
        {
            (height, width) = (rows, columns);
        }

        return new TensorMetadata
        {
            Name = declared.Name,
            Datatype = Datatype.Of(declared.TypeName),
            Shape = layout.Shape(declared.Shape[0], height, width),
        };
    }

    /// <summary>The output of a model in one of its forms.</summary>
    public static TensorMetadata Output(ProtocolModel view, LoadedModel model)
    {
        if (view.IsImage)
        {
            return new TensorMetadata { Name = ProtocolModel.Mask, Datatype = Datatype.OfLabels(model), Shape = [Unknown, Unknown] };
        }

        TensorSignature bound = model.Session.Signature.Outputs[0];
        return new TensorMetadata
        {
            Name = bound.Name,
            Datatype = Datatype.Of(bound.TypeName),
            // Exporters may lose the shape of the output.
            Shape = bound.Shape.Count > 0 ? [.. bound.Shape.Select(d => (long)d)] : [Unknown, Unknown, Unknown, Unknown],
        };
    }

    private ModelStatistics Statistics(string name, LoadedModel model) =>
        ModelStatistics.Of(name, model.Version, metrics.Statistics(model.Name, model.Version).Read());

    private static TensorConfiguration Configured(TensorMetadata tensor, int skipped) =>
        new() { Name = tensor.Name, DataType = Datatype.Configured(tensor.Datatype), Dims = [.. tensor.Shape.Skip(skipped)] };

    private static string Text(int version) => version.ToString(CultureInfo.InvariantCulture);
}
