using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Models;

[OptionsValidator]
internal sealed partial class ModelRepositoryOptionsValidator : IValidateOptions<ModelRepositoryOptions>;
