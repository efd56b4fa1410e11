using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>The server's certificate, and whose certificates clients must have; section <c>Tls</c>. Used by every address that begins with https.</summary>
public sealed class TlsOptions
{
    /// <summary>A PEM file with the server's certificate and, after it, the intermediate ones. Default none.</summary>
    public string? Certificate { get; set; }

    /// <summary>A PEM file with the certificate's key. Default: it is in <see cref="Certificate"/>.</summary>
    public string? Key { get; set; }

    /// <summary>A PEM file with the authorities one of which must have signed a client's certificate. Default none: clients need no certificate.</summary>
    public string? ClientCa { get; set; }

    /// <summary>Longest time for which a certificate is used after its files were replaced, 10 ms to a day. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(10);
}

[OptionsValidator]
internal sealed partial class TlsOptionsValidator : IValidateOptions<TlsOptions>;

/// <summary>Reads the files at start: a server whose certificate is none would only tell its clients.</summary>
internal sealed class TlsConsistency : IValidateOptions<TlsOptions>
{
    public ValidateOptionsResult Validate(string? name, TlsOptions options)
    {
        if (string.IsNullOrEmpty(options.Certificate))
        {
            return string.IsNullOrEmpty(options.Key) && string.IsNullOrEmpty(options.ClientCa)
                ? ValidateOptionsResult.Success
                : ValidateOptionsResult.Fail("Tls:Key and Tls:ClientCa need Tls:Certificate.");
        }

        List<string> failures = [];
        Try("Tls:Certificate, Tls:Key", () => CertificateFile.Read(options));
        Try("Tls:ClientCa", () => ClientCertificates.Read(options));
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);

        void Try(string key, Action read)
        {
            try
            {
                read();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
            {
                failures.Add($"{key}: {e.Message}");
            }
        }
    }
}
