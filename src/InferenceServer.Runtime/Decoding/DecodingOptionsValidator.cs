using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Decoding;

[OptionsValidator]
internal sealed partial class DecodingOptionsValidator : IValidateOptions<DecodingOptions>;
