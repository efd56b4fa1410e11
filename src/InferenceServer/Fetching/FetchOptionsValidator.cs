using Microsoft.Extensions.Options;

namespace InferenceServer.Fetching;

[OptionsValidator]
internal sealed partial class FetchOptionsValidator : IValidateOptions<FetchOptions>;
