using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>The certificate of every address that begins with https, and the certificates of clients; section
/// <c>Tls</c>.</summary>
public sealed class TlsOptions
{
    /// <summary>A PEM file with the server's certificate, followed by intermediate certificates, which are sent to
    /// clients. Default none.</summary>
    public string? Certificate { get; set; }

    /// <summary>A PEM file with the certificate's key. Default: the file <see cref="Certificate"/>.</summary>
    public string? Key { get; set; }

    /// <summary>A PEM file with certificates of authorities. Clients then need a certificate that one of these
    /// authorities signed for client authentication. Default none: clients need no certificate.</summary>
    public string? ClientCa { get; set; }

    /// <summary>Longest time until a replaced certificate is noticed. Default 10 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromSeconds(10);
}

[OptionsValidator]
internal sealed partial class TlsOptionsValidator : IValidateOptions<TlsOptions>;

/// <summary>Reads the files at the start, so that a bad certificate stops the start.</summary>
internal sealed class TlsConsistency : IValidateOptions<TlsOptions>
{
    public ValidateOptionsResult Validate(string? name, TlsOptions options)
    {
        if (string.IsNullOrEmpty(options.Certificate))
        {
            if (string.IsNullOrEmpty(options.Key) && string.IsNullOrEmpty(options.ClientCa))
            {
                return ValidateOptionsResult.Success;
            }

            return ValidateOptionsResult.Fail(
                "Tls:Certificate: expected a file beside Tls:Key or Tls:ClientCa, got none. Set it, or remove both.");
        }

        List<string> failures = [];
        Try("Tls:Certificate, Tls:Key", () => CertificateFile.Read(options));
        Try("Tls:ClientCa", () => ClientCertificates.Read(options));
        if (failures.Count == 0)
        {
            return ValidateOptionsResult.Success;
        }

        return ValidateOptionsResult.Fail(failures);

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
