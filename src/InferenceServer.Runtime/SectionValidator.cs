using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime;

/// <summary>Puts the configuration section before each failure, so that the message names the key as the operator wrote it.</summary>
internal sealed class SectionValidator<TOptions>(string section, IValidateOptions<TOptions> validator) : IValidateOptions<TOptions>
    where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options) => validator.Validate(name, options) is { Failed: true } result
        ? ValidateOptionsResult.Fail(result.Failures!.Select(failure => $"{section}:{failure}"))
        : ValidateOptionsResult.Success;
}
