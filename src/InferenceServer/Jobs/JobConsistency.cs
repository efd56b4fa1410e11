using InferenceServer.Bulk;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>A folder that is too small for one upload would take no job.</summary>
internal sealed class JobConsistency(IOptions<BulkOptions> bulk) : IValidateOptions<JobOptions>
{
    public ValidateOptionsResult Validate(string? name, JobOptions options) => options.MaxBytes >= bulk.Value.MaxBytes
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"Jobs:MaxBytes: expected at least Bulk:MaxBytes ({bulk.Value.MaxBytes}), found {options.MaxBytes}.");
}
