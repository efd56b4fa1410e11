using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Refinement;

[OptionsValidator]
internal sealed partial class CrfOptionsValidator : IValidateOptions<CrfOptions>;
