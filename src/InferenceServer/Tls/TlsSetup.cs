using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>Registers the server's certificate for every https address, and the check of clients'
/// certificates.</summary>
internal static class TlsSetup
{
    public static void AddTls(this WebApplicationBuilder builder)
    {
        builder.Services.AddSection("Tls", new TlsOptionsValidator());
        builder.Services.AddSingleton<IValidateOptions<TlsOptions>, TlsConsistency>();
        builder.Services.AddSingleton<CertificateFile>();
        builder.Services.AddSingleton<ClientCertificates>();
        builder.Services.AddOptions<KestrelServerOptions>()
            .Configure<IOptions<TlsOptions>, IServiceProvider>((kestrel, tls, services) =>
        {
            if (!string.IsNullOrEmpty(tls.Value.Certificate))
            {
                kestrel.ConfigureHttpsDefaults(
                    https => Use(https, services.GetRequiredService<CertificateFile>(), services.GetRequiredService<ClientCertificates>()));
            }
        });
    }

    private static void Use(
        HttpsConnectionAdapterOptions https, CertificateFile certificate, ClientCertificates clients)
    {
        // Tells Kestrel that a certificate exists; a selector cannot return the chain.
        https.ServerCertificateSelector = (_, _) => certificate.Current.TargetCertificate;
        https.OnAuthenticate = (_, handshake) =>
        {
            handshake.ServerCertificateSelectionCallback = null;
            handshake.ServerCertificateContext = certificate.Current;
            // Kestrel refuses clients that fail the policy.
            handshake.CertificateChainPolicy = clients.AreRequired ? clients.Policy() : null;
        };
        https.ClientCertificateMode = clients.AreRequired ? ClientCertificateMode.RequireCertificate : ClientCertificateMode.NoCertificate;
    }
}

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
            RevocationMode = X509RevocationMode.NoCheck, // private authorities rarely publish revocation lists
            // Otherwise a client's certificate could make the server fetch any address.
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_authorities);
        policy.ApplicationPolicy.Add(ClientAuthentication);
        return policy;
    }

    /// <summary>Reads the authorities.</summary>
    /// <exception cref="IOException">The file does not exist.</exception>
    /// <exception cref="CryptographicException">The file has no certificate.</exception>
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
