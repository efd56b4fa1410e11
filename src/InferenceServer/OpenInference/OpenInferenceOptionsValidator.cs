using Microsoft.Extensions.Options;

namespace InferenceServer.OpenInference;

[OptionsValidator]
internal sealed partial class OpenInferenceOptionsValidator : IValidateOptions<OpenInferenceOptions>;
