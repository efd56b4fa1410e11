using Microsoft.Extensions.Options;

namespace InferenceServer.Bulk;

[OptionsValidator]
internal sealed partial class BulkOptionsValidator : IValidateOptions<BulkOptions>;
