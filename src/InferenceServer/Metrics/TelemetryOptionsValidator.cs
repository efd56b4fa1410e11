using Microsoft.Extensions.Options;

namespace InferenceServer.Metrics;

[OptionsValidator]
internal sealed partial class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>;
