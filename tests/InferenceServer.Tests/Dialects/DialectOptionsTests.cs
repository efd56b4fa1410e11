using InferenceServer.Bulk;
using InferenceServer.Dialects.Cvat;
using InferenceServer.Dialects.LabelStudio;
using InferenceServer.Fetching;
using InferenceServer.Jobs;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Dialects;

/// <summary>A bad value is found at start.</summary>
public sealed class DialectOptionsTests
{
    [Fact]
    public void Validate_Defaults_Pass()
    {
        Assert.True(new FetchOptionsValidator().Validate(null, new FetchOptions()).Succeeded);
        Assert.True(
            new FetchConsistency().Validate(
                null,
                new FetchOptions
                {
                    Hosts = { "example.org", "*.example.org:8443" },
                    PrivateHosts = { "127.0.0.1:9000" },
                }).Succeeded);
        Assert.True(
            new LabelStudioOptionsValidator().Validate(
                null, new LabelStudioOptions { Url = "http://label-studio:8080/studio" }).Succeeded);
        Assert.True(new CvatOptionsValidator().Validate(null, new CvatOptions { Prefix = "/cvat" }).Succeeded);
        Assert.True(new BulkOptionsValidator().Validate(null, new BulkOptions()).Succeeded);
        Assert.True(new JobOptionsValidator().Validate(null, new JobOptions()).Succeeded);
        Assert.True(new JobConsistency(Options.Create(new BulkOptions())).Validate(null, new JobOptions()).Succeeded);
    }

    [Fact]
    public void Validate_OutOfRange_Fails()
    {
        Assert.True(new FetchOptionsValidator().Validate(null, new FetchOptions { MaxRedirects = -1 }).Failed);
        Assert.Contains(
            "https://a",
            new FetchConsistency().Validate(null, new FetchOptions { Hosts = { "https://a" } }).FailureMessage,
            StringComparison.Ordinal);
        Assert.True(new LabelStudioOptionsValidator().Validate(null, new LabelStudioOptions { Url = "label-studio:8080" }).Failed);
        Assert.True(new CvatOptionsValidator().Validate(null, new CvatOptions { Prefix = "cvat/" }).Failed);
        Assert.True(new BulkOptionsValidator().Validate(null, new BulkOptions { Concurrency = 0 }).Failed);
        Assert.True(new BulkOptionsValidator().Validate(null, new BulkOptions { MaxRequests = 0 }).Failed);
        Assert.True(new JobOptionsValidator().Validate(null, new JobOptions { KeepFor = TimeSpan.Zero }).Failed);
        Assert.True(new JobOptionsValidator().Validate(null, new JobOptions { MaxBytes = 0 }).Failed);
        Assert.Contains(
            "Bulk:MaxBytes",
            new JobConsistency(Options.Create(new BulkOptions())).Validate(
                null, new JobOptions { MaxBytes = 1 << 20 }).FailureMessage,
            StringComparison.Ordinal);
    }
}
