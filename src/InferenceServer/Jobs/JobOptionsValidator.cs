using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

[OptionsValidator]
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>;
