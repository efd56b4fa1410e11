using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>Whose certificates clients must have. The system's own authorities count for nothing here.</summary>
internal sealed class ClientCertificates(IOptions<TlsOptions> options)
{
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");
    private readonly X509Certificate2Collection _authorities = Read(options.Value);

    /// <summary>Whether clients need a certificate.</summary>
    public bool AreRequired => _authorities.Count > 0;

    /// <summary>What a handshake holds a client's certificate to: one of the authorities has signed it, for clients, and it is in its time.</summary>
    /// <remarks>For one handshake: what the client sends along is added to it.</remarks>
    public X509ChainPolicy Policy()
    {
        X509ChainPolicy policy = new()
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // an authority of one's own seldom publishes a list; a short life does the same
            DisableCertificateDownloads = true, // else the server would ask, in the middle of the handshake, whatever address a stranger's certificate names
        };
        policy.CustomTrustStore.AddRange(_authorities);
        policy.ApplicationPolicy.Add(ClientAuthentication);
        return policy;
    }

    /// <summary>Reads the authorities.</summary>
    /// <exception cref="IOException">The file is not there.</exception>
    /// <exception cref="CryptographicException">It holds no certificate.</exception>
    public static X509Certificate2Collection Read(TlsOptions options)
    {
        X509Certificate2Collection authorities = [];
        if (!string.IsNullOrEmpty(options.ClientCa))
        {
            authorities.ImportFromPemFile(options.ClientCa);
            if (authorities.Count == 0)
            {
                throw new CryptographicException($"{options.ClientCa} holds no certificate.");
            }
        }

        return authorities;
    }
}
