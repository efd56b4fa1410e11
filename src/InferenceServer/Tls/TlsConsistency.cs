using System.Security.Cryptography;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

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
