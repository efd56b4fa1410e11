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

    /// <summary>Whether one of the authorities has signed it, for clients, and it is in its time.</summary>
    public bool IsTrusted(X509Certificate2 certificate, X509Chain? sent)
    {
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        chain.ChainPolicy.ApplicationPolicy.Add(ClientAuthentication);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // an authority of one's own seldom publishes a list; a short life does the same
        if (sent is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        }

        return chain.Build(certificate);
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
