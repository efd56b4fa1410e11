using Microsoft.Extensions.Options;

namespace InferenceServer.Security;

[OptionsValidator]
internal sealed partial class JwtOptionsValidator : IValidateOptions<JwtOptions>;
