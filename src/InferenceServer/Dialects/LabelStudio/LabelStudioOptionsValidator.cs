using Microsoft.Extensions.Options;

namespace InferenceServer.Dialects.LabelStudio;

[OptionsValidator]
internal sealed partial class LabelStudioOptionsValidator : IValidateOptions<LabelStudioOptions>;
