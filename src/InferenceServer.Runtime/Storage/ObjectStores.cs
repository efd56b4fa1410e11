using Amazon;
using Amazon.Runtime;
using Amazon.S3;
using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Storage;

/// <summary>Opens stores; all stores on S3 share one client and its connections.</summary>
internal sealed class ObjectStores(IOptions<S3Options> options) : IDisposable
{
    private const int MostRetries = 2;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly S3Options _options = options.Value;
    private readonly Lock _lock = new();
    private AmazonS3Client? _client;

    /// <summary>Opens a store; no request is sent.</summary>
    /// <param name="location">The place.</param>
    /// <param name="isPrivate">Whether new files and folders can be read by their owner alone; a bucket has its own
    /// rules.</param>
    /// <exception cref="StorageException">The settings of S3 are incomplete.</exception>
    public IObjectStore Open(StoreLocation location, bool isPrivate = true)
    {
        if (location.Bucket is null)
        {
            return new FolderStore(location.Path, isPrivate);
        }

        return new S3Store(Client(location), location, _options.Timeout);
    }

    /// <summary>Where a store is; two stores may have buckets of one name.</summary>
    public string Address => Endpoint ?? "";

    // The SDK reads these variables, too, but then leaves the bucket in the host's name.
    private string? Endpoint => new[]
    {
        _options.Endpoint, Environment.GetEnvironmentVariable("AWS_ENDPOINT_URL_S3"),
        Environment.GetEnvironmentVariable("AWS_ENDPOINT_URL"),
    }.FirstOrDefault(url => !string.IsNullOrEmpty(url));

    public void Dispose() => _client?.Dispose();

    private AmazonS3Client Client(StoreLocation location)
    {
        lock (_lock)
        {
            try
            {
                return _client ??= new AmazonS3Client(Configuration());
            }
            catch (Exception e) when (e is AmazonClientException or ArgumentException)
            {
                throw new StorageException(
                    $"{location}: the client of S3 cannot be made; set S3:Region (AWS_REGION), or S3:Endpoint for a store " +
                    $"that is not Amazon's. {e.Message}",
                    isTransient: false, e);
            }
        }
    }

    private AmazonS3Config Configuration()
    {
        string? endpoint = Endpoint;
        AmazonS3Config config = new()
        {
            ForcePathStyle = _options.PathStyle ?? endpoint is not null,
            // Stores that are not Amazon's often know none of the newer checksums.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            ConnectTimeout = ConnectTimeout,
            Timeout = _options.Timeout,
            MaxErrorRetry = MostRetries,
        };
        if (endpoint is not null)
        {
            config.ServiceURL = endpoint;
            config.AuthenticationRegion = string.IsNullOrEmpty(_options.Region) ? RegionEndpoint.USEast1.SystemName : _options.Region;
        }
        else if (!string.IsNullOrEmpty(_options.Region))
        {
            config.RegionEndpoint = RegionEndpoint.GetBySystemName(_options.Region);
        }

        return config;
    }
}
