using Microsoft.Extensions.Options;

namespace InferenceServer.Auth;

[OptionsValidator]
internal sealed partial class KeyOptionsValidator : IValidateOptions<KeyOptions>;
