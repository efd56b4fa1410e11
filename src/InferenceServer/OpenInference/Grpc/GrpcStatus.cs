namespace InferenceServer.OpenInference.Grpc;

/// <summary>The status codes of gRPC that the server answers with.</summary>
internal enum GrpcStatus
{
    Ok = 0,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}
