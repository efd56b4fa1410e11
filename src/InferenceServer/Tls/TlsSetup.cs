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
        // Tells Kestrel that there is a certificate; a selector cannot return the chain.
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
