using System.Reflection;
using InferenceServer.Errors;
using InferenceServer.Runtime;

namespace InferenceServer.Tests.Errors;

/// <summary>What clients and dashboards compare does not change by accident.</summary>
public sealed class ErrorTableTests
{
    [Fact]
    public void All_Rows_AreAsPublished()
    {
        string[] expected =
        [
            "invalid-request 400 InvalidArgument bad_request",
            "unknown-model 404 NotFound unknown_model",
            "payload-too-large 413 ResourceExhausted too_large",
            "too-many-pixels 413 ResourceExhausted too_many_pixels",
            "unsupported-media-type 415 InvalidArgument bad_image",
            "undecodable-image 422 InvalidArgument bad_image",
            "not-acceptable 406 InvalidArgument bad_request",
            "overloaded 429 ResourceExhausted queue_full",
            "queue-timeout 503 Unavailable deadline",
            "deadline-exceeded 504 DeadlineExceeded deadline",
            "model-not-ready 503 Unavailable model_not_ready",
            "inference-failed 500 Internal ",
            "image-not-fetched 422 InvalidArgument bad_image",
            "unauthorized 401 Unauthenticated unauthorized",
            "forbidden 403 PermissionDenied unauthorized",
            "rate-limited 429 ResourceExhausted rate_limited",
            "slow-body 408 DeadlineExceeded slow_body",
            "tokens-unavailable 503 Unavailable ",
            "not-supported 501 Unimplemented bad_request",
            "model-unusable 422 InvalidArgument ",
            "no-jobs 404 NotFound ",
            "unknown-job 404 NotFound ",
            "no-result 404 NotFound ",
            "store-unavailable 503 Unavailable ",
            "insufficient-storage 507 ResourceExhausted ",
            "draining 503 Unavailable ",
        ];

        Assert.Equal(expected, ErrorTable.All.Select(row => $"{row.Error} {row.Status} {row.GrpcCode} {row.Reason}"));
    }

    [Fact]
    public void Of_EveryKindOfTheRuntime_HasARow()
    {
        IEnumerable<SegmentationError> kinds = typeof(SegmentationError).GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Select(property => (SegmentationError)property.GetValue(null)!);

        Assert.All(kinds, kind => Assert.Equal("urn:inference-server:" + kind.Name, ErrorTable.Of(kind).Urn));
    }
}
