using System.ComponentModel.DataAnnotations;

namespace InferenceServer.Metrics;

/// <summary>Who is told what the server does; section <c>Telemetry</c>. The variables <c>OTEL_*</c> of OpenTelemetry mean here what they mean everywhere.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>Whether <c>GET /metrics</c> answers. Default true.</summary>
    public bool Prometheus { get; set; } = true;

    /// <summary>Where an OpenTelemetry collector listens, for instance <c>http://collector:4317</c>; takes metrics and traces.
    /// Empty, the default, means <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, and nothing is sent where that is empty, too.</summary>
    [RegularExpression("https?://.+")]
    public string? OtlpEndpoint { get; set; }

    /// <summary><c>grpc</c> or <c>http/protobuf</c>. Empty, the default, means <c>OTEL_EXPORTER_OTLP_PROTOCOL</c>, and then grpc.</summary>
    [AllowedValues(null, "", "grpc", "http/protobuf")]
    public string? OtlpProtocol { get; set; }
}
