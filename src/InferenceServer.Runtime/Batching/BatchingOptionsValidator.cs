using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Batching;

[OptionsValidator]
internal sealed partial class BatchingOptionsValidator : IValidateOptions<BatchingOptions>;
