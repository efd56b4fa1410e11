using InferenceServer.OpenInference.Grpc.Messages;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>Converts metadata, configuration, statistics and the repository's index to messages.</summary>
internal static class DescriptionMessages
{
    public static ModelMetadataResponse Of(ModelMetadata metadata) => new()
    {
        Name = metadata.Name,
        Versions = { metadata.Versions },
        Platform = metadata.Platform,
        Inputs = { metadata.Inputs.Select(Of) },
        Outputs = { metadata.Outputs.Select(Of) },
    };

    public static ModelConfig Of(ModelConfiguration configuration) => new()
    {
        Name = configuration.Name,
        Platform = configuration.Platform,
        Backend = configuration.Backend,
        DefaultModelFilename = configuration.DefaultModelFilename,
        MaxBatchSize = configuration.MaxBatchSize,
        Input = { configuration.Input.Select(t => new ModelInput { Name = t.Name, DataType = Type(t.DataType), Dims = { t.Dims } }) },
        Output = { configuration.Output.Select(t => new ModelOutput { Name = t.Name, DataType = Type(t.DataType), Dims = { t.Dims } }) },
        InstanceGroup =
        {
            configuration.InstanceGroup.Select(g =>
                new ModelInstanceGroup
                {
                    Count = g.Count,
                    Kind = g.Kind == "KIND_GPU"
                        ? ModelInstanceGroup.Types.Kind.Gpu
                        : ModelInstanceGroup.Types.Kind.Cpu,
                }),
        },
        DynamicBatching = configuration.DynamicBatching is not { } batching ? null : new ModelDynamicBatching
        {
            PreferredBatchSize = { batching.PreferredBatchSize },
            MaxQueueDelayMicroseconds = (ulong)batching.MaxQueueDelayMicroseconds,
        },
        ModelTransactionPolicy = new ModelTransactionPolicy { Decoupled = configuration.ModelTransactionPolicy.Decoupled },
    };

    public static ModelStatisticsResponse Of(StatisticsReport report) => new() { ModelStats = { report.ModelStats.Select(Of) } };

    public static RepositoryIndexResponse Of(IEnumerable<RepositoryEntry> entries) => new()
    {
        Models =
        {
            entries.Select(e =>
                new RepositoryIndexResponse.Types.ModelIndex
                {
                    Name = e.Name,
                    Version = e.Version,
                    State = e.State,
                    Reason = e.Reason,
                }),
        },
    };

    private static ModelMetadataResponse.Types.TensorMetadata Of(TensorMetadata tensor) =>
        new() { Name = tensor.Name, Datatype = tensor.Datatype, Shape = { tensor.Shape } };

    private static Messages.ModelStatistics Of(ModelStatistics model) => new()
    {
        Name = model.Name,
        Version = model.Version,
        LastInference = (ulong)model.LastInference,
        InferenceCount = (ulong)model.InferenceCount,
        ExecutionCount = (ulong)model.ExecutionCount,
        InferenceStats = new InferStatistics
        {
            Success = Of(model.InferenceStats.Success),
            Fail = Of(model.InferenceStats.Fail),
            Queue = Of(model.InferenceStats.Queue),
            ComputeInput = Of(model.InferenceStats.ComputeInput),
            ComputeInfer = Of(model.InferenceStats.ComputeInfer),
            ComputeOutput = Of(model.InferenceStats.ComputeOutput),
            CacheHit = Of(model.InferenceStats.CacheHit),
            CacheMiss = Of(model.InferenceStats.CacheMiss),
        },
        BatchStats =
        {
            model.BatchStats.Select(b => new InferBatchStatistics
            {
                BatchSize = (ulong)b.BatchSize, ComputeInput = Of(b.ComputeInput), ComputeInfer = Of(b.ComputeInfer),
                ComputeOutput = Of(b.ComputeOutput),
            }),
        },
    };

    private static Messages.StatisticDuration Of(StatisticDuration duration) =>
        new() { Count = (ulong)duration.Count, Ns = (ulong)duration.Ns };

    // The generator writes TYPE_FP32 as TypeFp32.
    private static DataType Type(string name)
    {
        if (Enum.TryParse(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true, out DataType type))
        {
            return type;
        }

        return DataType.TypeInvalid;
    }
}
