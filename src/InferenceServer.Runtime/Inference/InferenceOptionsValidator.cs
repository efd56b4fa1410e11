using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Inference;

[OptionsValidator]
internal sealed partial class InferenceOptionsValidator : IValidateOptions<InferenceOptions>;
