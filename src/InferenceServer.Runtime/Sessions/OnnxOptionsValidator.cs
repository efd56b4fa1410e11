using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Sessions;

[OptionsValidator]
internal sealed partial class OnnxOptionsValidator : IValidateOptions<OnnxOptions>;
