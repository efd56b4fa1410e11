using System.Text.Json;
using System.Text.Json.Serialization;
using DenseCrf;

namespace InferenceServer.Cli.Evaluate;

/// <summary>The CRF's quality in reports, as options and queries write it.</summary>
internal sealed class QualityWord() : JsonStringEnumConverter<CrfQuality>(JsonNamingPolicy.SnakeCaseLower);
