using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

[OptionsValidator]
internal sealed partial class TlsOptionsValidator : IValidateOptions<TlsOptions>;
