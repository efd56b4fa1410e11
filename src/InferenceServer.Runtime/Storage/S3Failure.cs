using System.Net;
using System.Security.Authentication;
using System.Xml;
using Amazon.Runtime;
using Amazon.S3;

namespace InferenceServer.Runtime.Storage;

/// <summary>Explains the failures of S3's client to operators.</summary>
internal static class S3Failure
{
    /// <summary>Whether the failure says that there is no such bucket.</summary>
    public static bool IsNoBucket(Exception? e) => e is AmazonS3Exception { ErrorCode: "NoSuchBucket" };

    /// <summary>The exception for callers.</summary>
    /// <param name="e">What the client threw.</param>
    /// <param name="place">The object, for the message.</param>
    /// <param name="endpoint">The store's address; null or empty for Amazon's.</param>
    /// <param name="timeout">Most time of one request.</param>
    public static StorageException Explain(Exception e, string place, string? endpoint, TimeSpan timeout)
    {
        string store = string.IsNullOrEmpty(endpoint) ? "Amazon S3" : "the store at " + endpoint.TrimEnd('/');
        (string problem, bool isTransient) = e switch
        {
            XmlException or InvalidDataException or AmazonUnmarshallingException => (
                $"{store} did not answer in the form of S3; check S3:Endpoint.", false),
            AmazonS3Exception { StatusCode: not 0 } refusal => Refusal(refusal, store),
            OperationCanceledException => (
                $"{store} did not answer within {timeout.TotalSeconds:0.###} s (S3:Timeout); check that the store runs and is " +
                "not overloaded.",
                true),
            _ when Cause<AuthenticationException>(e) is { } tls => (
                $"{store} has no certificate that this machine trusts: {tls.Message}", false),
            _ when Cause<HttpRequestException>(e) is { } http => (
                $"{store} cannot be reached: {http.Message}; check S3:Endpoint and the network.", true),
            _ when Cause<IOException>(e) is { } io => ($"the connection to {store} failed: {io.Message}", true),
            AmazonServiceException or AmazonClientException => (
                $"there are no credentials for {store}, or they cannot be read; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, " +
                "or give the server a role.",
                false),
            _ => ($"{store} cannot be used: {e.Message}", false),
        };
        return new StorageException($"{place}: {problem}", isTransient, e);
    }

    private static (string Problem, bool IsTransient) Refusal(AmazonS3Exception e, string store)
    {
        string answer = $"{store} answered {(int)e.StatusCode} {e.ErrorCode}".TrimEnd();
        if (IsNoBucket(e))
        {
            return ($"{answer}: there is no such bucket; create the bucket or correct its name.", false);
        }

        return e.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => (
                $"{answer}: access is refused; check the credentials, the machine's clock, and that they allow s3:ListBucket, " +
                "s3:GetObject, s3:PutObject and s3:DeleteObject here.",
                false),
            HttpStatusCode.MovedPermanently or HttpStatusCode.TemporaryRedirect or HttpStatusCode.BadRequest => (
                $"{answer}; check S3:Region, S3:Endpoint and S3:PathStyle.", false),
            HttpStatusCode.PreconditionFailed => ($"{answer}: the object exists.", false),
            HttpStatusCode.NotFound => ($"{answer}: the object, the bucket or the upload does not exist.", false),
            HttpStatusCode.RequestTimeout or HttpStatusCode.Conflict or HttpStatusCode.TooManyRequests
                or >= HttpStatusCode.InternalServerError and not HttpStatusCode.NotImplemented => ($"{answer}; try again later.", true),
            _ => ($"{answer}.", false),
        };
    }

    private static T? Cause<T>(Exception? e)
        where T : Exception
    {
        while (e is not null and not T)
        {
            e = e.InnerException;
        }

        return (T?)e;
    }
}
