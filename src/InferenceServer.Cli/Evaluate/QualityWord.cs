using System.Text.Json;
using System.Text.Json.Serialization;
using DenseCrf;

namespace InferenceServer.Cli.Evaluate;

/// <summary>Writes the CRF's quality in reports as options and queries spell it.</summary>
internal sealed class QualityWord() : JsonStringEnumConverter<CrfQuality>(JsonNamingPolicy.SnakeCaseLower);
