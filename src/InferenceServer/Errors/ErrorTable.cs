using Grpc.Core;
using InferenceServer.Runtime;
using static Microsoft.AspNetCore.Http.StatusCodes;

namespace InferenceServer.Errors;

/// <summary>How the server reports one kind of failure.</summary>
/// <param name="Error">The kind.</param>
/// <param name="Status">HTTP status code, 400 or more.</param>
/// <param name="GrpcCode">Status code of gRPC.</param>
/// <param name="Reason">The label <c>reason</c> of the metric of rejected requests; null for failures that are not
/// rejections.</param>
internal sealed record ErrorRow(SegmentationError Error, int Status, StatusCode GrpcCode, string? Reason)
{
    /// <summary>The member <c>type</c> of a problem: a URN that programs compare.</summary>
    public string Urn => "urn:inference-server:" + Error.Name;

    /// <summary>When to try again, where the failure itself does not say; null where a new attempt changes
    /// nothing.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>The table of errors: each kind of failure, of the runtime and of the server, has one row.</summary>
internal static class ErrorTable
{
    private static readonly Dictionary<SegmentationError, ErrorRow> Rows = new ErrorRow[]
    {
        new(SegmentationError.InvalidRequest, Status400BadRequest, StatusCode.InvalidArgument, "bad_request"),
        new(SegmentationError.UnknownModel, Status404NotFound, StatusCode.NotFound, "unknown_model"),
        new(SegmentationError.PayloadTooLarge, Status413PayloadTooLarge, StatusCode.ResourceExhausted, "too_large"),
        new(SegmentationError.TooManyPixels, Status413PayloadTooLarge, StatusCode.ResourceExhausted, "too_many_pixels"),
        new(
            SegmentationError.UnsupportedMediaType, Status415UnsupportedMediaType, StatusCode.InvalidArgument,
            "bad_image"),
        new(SegmentationError.UndecodableImage, Status422UnprocessableEntity, StatusCode.InvalidArgument, "bad_image"),
        new(SegmentationError.NotAcceptable, Status406NotAcceptable, StatusCode.InvalidArgument, "bad_request"),
        new(SegmentationError.Overloaded, Status429TooManyRequests, StatusCode.ResourceExhausted, "queue_full"),
        new(SegmentationError.QueueTimeout, Status503ServiceUnavailable, StatusCode.Unavailable, "deadline"),
        new(SegmentationError.DeadlineExceeded, Status504GatewayTimeout, StatusCode.DeadlineExceeded, "deadline"),
        // The time that loading takes is not known; another request costs little.
        new(SegmentationError.ModelNotReady, Status503ServiceUnavailable, StatusCode.Unavailable, "model_not_ready")
        {
            RetryAfter = TimeSpan.FromSeconds(1),
        },
        new(SegmentationError.InferenceFailed, Status500InternalServerError, StatusCode.Internal, Reason: null),
    }.ToDictionary(row => row.Error);

    /// <summary>The image's URL leads to no image: its host does not answer, or refuses.</summary>
    public static readonly SegmentationError ImageNotFetched = Add(
        "image-not-fetched", Status422UnprocessableEntity, StatusCode.InvalidArgument, "bad_image");

    /// <summary>The request needs a key or a token, and has none that is known.</summary>
    public static readonly SegmentationError Unauthorized = Add(
        "unauthorized", Status401Unauthorized, StatusCode.Unauthenticated, "unauthorized");

    /// <summary>The request's key or token lacks the scope, or no key has it.</summary>
    public static readonly SegmentationError Forbidden = Add(
        "forbidden", Status403Forbidden, StatusCode.PermissionDenied, "unauthorized");

    /// <summary>The key's rate or quota is used up.</summary>
    public static readonly SegmentationError RateLimited = Add(
        "rate-limited", Status429TooManyRequests, StatusCode.ResourceExhausted, "rate_limited");

    /// <summary>The client sends the request's body too slowly.</summary>
    public static readonly SegmentationError SlowBody = Add(
        "slow-body", Status408RequestTimeout, StatusCode.DeadlineExceeded, "slow_body");

    /// <summary>The keys that check tokens cannot be fetched now.</summary>
    public static readonly SegmentationError TokensUnavailable = Add(
        "tokens-unavailable", Status503ServiceUnavailable, StatusCode.Unavailable, reason: null);

    /// <summary>The server does not implement this part of a protocol.</summary>
    public static readonly SegmentationError NotSupported = Add(
        "not-supported", Status501NotImplemented, StatusCode.Unimplemented, "bad_request");

    /// <summary>The model cannot be loaded.</summary>
    public static readonly SegmentationError ModelUnusable = Add(
        "model-unusable", Status422UnprocessableEntity, StatusCode.InvalidArgument, reason: null);

    /// <summary>The server has no folder for jobs.</summary>
    public static readonly SegmentationError NoJobs = Add(
        "no-jobs", Status404NotFound, StatusCode.NotFound, reason: null);

    /// <summary>No job has this id.</summary>
    public static readonly SegmentationError UnknownJob = Add(
        "unknown-job", Status404NotFound, StatusCode.NotFound, reason: null);

    /// <summary>The job has no result yet.</summary>
    public static readonly SegmentationError NoResult = Add(
        "no-result", Status404NotFound, StatusCode.NotFound, reason: null);

    /// <summary>The store of jobs cannot be reached now.</summary>
    public static readonly SegmentationError StoreUnavailable = Add(
        "store-unavailable", Status503ServiceUnavailable, StatusCode.Unavailable, reason: null, TimeSpan.FromSeconds(2));

    /// <summary>The volume of temporary files or of jobs has no room left, or cannot be written.</summary>
    public static readonly SegmentationError InsufficientStorage = Add(
        "insufficient-storage", Status507InsufficientStorage, StatusCode.ResourceExhausted, reason: null);

    /// <summary>The server is shutting down and accepts requests only for a moment longer.</summary>
    public static readonly SegmentationError Draining = Add(
        "draining", Status503ServiceUnavailable, StatusCode.Unavailable, reason: null);

    /// <summary>All rows.</summary>
    public static IEnumerable<ErrorRow> All => Rows.Values;

    /// <summary>The row of a kind.</summary>
    public static ErrorRow Of(SegmentationError error) => Rows[error];

    /// <summary>The code of gRPC for a failure that only has a status of HTTP.</summary>
    public static StatusCode GrpcCode(int status) =>
        All.FirstOrDefault(row => row.Status == status)?.GrpcCode ?? StatusCode.Unknown;

    private static SegmentationError Add(
        string name, int status, StatusCode grpcCode, string? reason, TimeSpan? retryAfter = null)
    {
        SegmentationError error = new(name);
        Rows.Add(error, new ErrorRow(error, status, grpcCode, reason) { RetryAfter = retryAfter });
        return error;
    }
}
