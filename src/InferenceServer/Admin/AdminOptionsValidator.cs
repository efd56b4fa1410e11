using Microsoft.Extensions.Options;

namespace InferenceServer.Admin;

[OptionsValidator]
internal sealed partial class AdminOptionsValidator : IValidateOptions<AdminOptions>;
