using Microsoft.Extensions.Options;

namespace InferenceServer.Hosting;

[OptionsValidator]
internal sealed partial class HostingOptionsValidator : IValidateOptions<HostingOptions>;
