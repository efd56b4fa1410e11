using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>The server's certificate. New connections get a new certificate after its files were replaced.</summary>
/// <remarks>Kestrel can watch the files, but rebinds the address after a change: it refuses connections until the old
/// connections are closed, and aborts requests of more than five seconds.</remarks>
internal sealed class CertificateFile
{
    // Renewal comes a month before the end: a fortnight before it, renewal has failed.
    private static readonly TimeSpan Soon = TimeSpan.FromDays(14), Repetition = TimeSpan.FromDays(1);
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TlsOptions _options;
    private readonly Lock _lock = new();
    private SslStreamCertificateContext _current;
    private string _text = "";
    private long _looked;
    private DateTimeOffset _warned;

    public CertificateFile(IOptions<TlsOptions> options, TimeProvider time, ILogger<CertificateFile> logger)
    {
        (_options, _time, _logger) = (options.Value, time, logger);
        _current = Read(_options);
        _looked = time.GetTimestamp();
        Warn();
    }

    /// <summary>The certificate and its chain; the files are checked at most once in
    /// <see cref="TlsOptions.PollInterval"/>.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_lock)
            {
                if (_time.GetElapsedTime(_looked) >= _options.PollInterval)
                {
                    Look();
                    Warn();
                    _looked = _time.GetTimestamp();
                }

                return _current;
            }
        }
    }

    /// <summary>Reads the files.</summary>
    /// <exception cref="IOException">A file does not exist.</exception>
    /// <exception cref="CryptographicException">The files have no certificate or no key.</exception>
    public static SslStreamCertificateContext Read(TlsOptions options) => Parse(Certificates(options), Key(options));

    // Compares contents, not times: the time of a link is not that of its target.
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
                _warned = default;
                Log.CertificateReplaced(_logger, read.TargetCertificate.Subject, read.TargetCertificate.NotAfter);
            }

            _current = read; // the old certificate is not disposed: handshakes may still use it
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            Log.CertificateUnreadable(_logger, e.Message);
        }
    }

    // Once a day.
    private void Warn()
    {
        DateTimeOffset now = _time.GetUtcNow(), end = _current.TargetCertificate.NotAfter.ToUniversalTime();
        DateTimeOffset start = _current.TargetCertificate.NotBefore.ToUniversalTime();
        if (now - _warned < Repetition)
        {
            return;
        }

        if (end <= now)
        {
            Log.CertificateExpired(_logger, _current.TargetCertificate.Subject, end);
        }
        else if (end - now < Soon)
        {
            Log.CertificateExpires(_logger, _current.TargetCertificate.Subject, end, (end - now).Days);
        }
        else if (start > now)
        {
            Log.CertificateNotYetValid(_logger, _current.TargetCertificate.Subject, start);
        }
        else
        {
            return;
        }

        _warned = now;
    }

    private static SslStreamCertificateContext Parse(string certificates, string key)
    {
        X509Certificate2Collection chain = [];
        chain.ImportFromPem(certificates);
        return SslStreamCertificateContext.Create(
            X509Certificate2.CreateFromPem(certificates, key), chain, offline: true);
    }

    private static string Certificates(TlsOptions options) => File.ReadAllText(options.Certificate!);

    private static string Key(TlsOptions options) =>
        File.ReadAllText(string.IsNullOrEmpty(options.Key) ? options.Certificate! : options.Key);
}
