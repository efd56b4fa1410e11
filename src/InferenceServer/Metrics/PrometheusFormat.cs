namespace InferenceServer.Metrics;

/// <summary>How the metrics are written.</summary>
internal enum PrometheusFormat
{
    /// <summary>Prometheus text 0.0.4, which everything reads.</summary>
    Text,

    /// <summary>OpenMetrics 1.0, which has units and exemplars.</summary>
    OpenMetrics,
}
