using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Scheduling;

[OptionsValidator]
internal sealed partial class SchedulingOptionsValidator : IValidateOptions<SchedulingOptions>;
