using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>The authorities that sign clients' certificates. The system's own authorities are not trusted
/// here.</summary>
internal sealed class ClientCertificates(IOptions<TlsOptions> options)
{
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");
    private readonly X509Certificate2Collection _authorities = Read(options.Value);

    /// <summary>Whether clients need a certificate.</summary>
    public bool AreRequired => _authorities.Count > 0;

    /// <summary>The policy for a client's certificate: signed by one of the authorities, for client authentication, and
    /// not expired.</summary>
    /// <remarks>Valid for one handshake, which adds the client's intermediate certificates.</remarks>
    public X509ChainPolicy Policy()
    {
        X509ChainPolicy policy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // private authorities seldom publish revocation lists
            // Otherwise a stranger's certificate could make the server fetch any address.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        policy.ApplicationPolicy.Add(ClientAuthentication);
        return policy;
    }

    /// <summary>Reads the authorities.</summary>
    /// <exception cref="IOException">The file does not exist.</exception>
    /// <exception cref="CryptographicException">The file holds no certificate.</exception>
    public static X509Certificate2Collection Read(TlsOptions options)
    {
        X509Certificate2Collection authorities = [];
        if (!string.IsNullOrEmpty(options.ClientCa))
        {
            authorities.ImportFromPemFile(options.ClientCa);
            if (authorities.Count == 0)
            {
                throw new CryptographicException($"expected certificates in PEM, found none in {options.ClientCa}.");
            }
        }

        return authorities;
    }
}
