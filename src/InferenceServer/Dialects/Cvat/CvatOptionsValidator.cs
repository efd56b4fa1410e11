using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.Cvat;

[OptionsValidator]
internal sealed partial class CvatOptionsValidator : IValidateOptions<CvatOptions>;
