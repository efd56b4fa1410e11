using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Scheduling;

/// <summary>The usual deadline is one that a request could ask for.</summary>
internal sealed class SchedulingConsistency : IValidateOptions<SchedulingOptions>
{
    public ValidateOptionsResult Validate(string? name, SchedulingOptions options) =>
        options.DefaultTimeout > options.MaxTimeout
            ? ValidateOptionsResult.Fail($"Scheduling:DefaultTimeout is {options.DefaultTimeout}, but Scheduling:MaxTimeout is {options.MaxTimeout}; raise the one or lower the other.")
            : ValidateOptionsResult.Success;
}
