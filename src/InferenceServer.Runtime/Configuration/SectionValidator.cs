using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Configuration;

/// <summary>Lets a generated validator name the key of the configuration, such as <c>Decoding:MaxPixels</c>, where it
/// would name the class.</summary>
internal sealed class SectionValidator<TOptions>(string section, IValidateOptions<TOptions> validator) : IValidateOptions<TOptions>
    where TOptions : class
{
    public ValidateOptionsResult Validate(string? name, TOptions options)
    {
        // Generated validators put the name of the options before the property, with a full stop.
        ValidateOptionsResult result = validator.Validate(section, options);
        return result.Failed
            ? ValidateOptionsResult.Fail(result.Failures.Select(f => f.Replace($"{section}.", $"{section}:", StringComparison.Ordinal)))
            : result;
    }
}
