using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>The server's certificate as its files have it now: whoever renews it replaces them, and new connections see the new one.</summary>
/// <remarks>
/// Kestrel watches files, too, but binds the address anew when they change: it refuses connections until the old ones are closed, and breaks off those that take more than five seconds.
/// </remarks>
internal sealed class CertificateFile(IOptions<TlsOptions> options, TimeProvider time, ILogger<CertificateFile> logger)
{
    private readonly TlsOptions _options = options.Value;
    private readonly Lock _lock = new();
    private SslStreamCertificateContext _current = Read(options.Value);
    private string _text = "";
    private long _looked = time.GetTimestamp();

    /// <summary>The certificate and its chain.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_lock)
            {
                if (time.GetElapsedTime(_looked) >= _options.PollInterval)
                {
                    Look();
                    _looked = time.GetTimestamp();
                }

                return _current;
            }
        }
    }

    /// <summary>Reads the files.</summary>
    /// <exception cref="IOException">One of them is not there.</exception>
    /// <exception cref="CryptographicException">They are no certificate and its key.</exception>
    public static SslStreamCertificateContext Read(TlsOptions options) => Parse(Certificates(options), Key(options));

    // Contents are compared, not times: the files are small, and where they are links their times are not those of what they point to.
    private void Look()
    {
        try
        {
            string certificates = Certificates(_options), key = Key(_options), text = certificates + key;
            if (text == _text)
            {
                return;
            }

            _text = text;
            SslStreamCertificateContext read = Parse(certificates, key);
            if (read.TargetCertificate.Thumbprint != _current.TargetCertificate.Thumbprint)
            {
                Log.CertificateReplaced(logger, read.TargetCertificate.Subject, read.TargetCertificate.NotAfter);
            }

            _current = read; // what it replaces may be in the middle of handshakes, and is left to the collector
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            Log.CertificateUnreadable(logger, e.Message);
        }
    }

    private static SslStreamCertificateContext Parse(string certificates, string key)
    {
        X509Certificate2Collection chain = [];
        chain.ImportFromPem(certificates);
        return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPem(certificates, key), chain, offline: true);
    }

    private static string Certificates(TlsOptions options) => File.ReadAllText(options.Certificate!);

    private static string Key(TlsOptions options) => File.ReadAllText(string.IsNullOrEmpty(options.Key) ? options.Certificate! : options.Key);
}
