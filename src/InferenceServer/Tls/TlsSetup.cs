using InferenceServer.Runtime;
using InferenceServer.Runtime.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tls;

/// <summary>Gives every https address the server's certificate, and asks clients for theirs.</summary>
internal static class TlsSetup
{
    public static void AddTls(this WebApplicationBuilder builder)
    {
        builder.Services.AddSection("Tls", new TlsOptionsValidator());
        builder.Services.AddSingleton<IValidateOptions<TlsOptions>, TlsConsistency>();
        builder.Services.AddSingleton<CertificateFile>();
        builder.Services.AddSingleton<ClientCertificates>();
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<TlsOptions>, IServiceProvider>((kestrel, tls, services) =>
        {
            if (!string.IsNullOrEmpty(tls.Value.Certificate))
            {
                kestrel.ConfigureHttpsDefaults(https => Use(https, services.GetRequiredService<CertificateFile>(), services.GetRequiredService<ClientCertificates>()));
            }
        });
    }

    private static void Use(HttpsConnectionAdapterOptions https, CertificateFile certificate, ClientCertificates clients)
    {
        https.ServerCertificateSelector = (_, _) => certificate.Current.TargetCertificate; // tells Kestrel that there is one; a selector cannot give the chain
        https.OnAuthenticate = (_, handshake) =>
        {
            handshake.ServerCertificateSelectionCallback = null;
            handshake.ServerCertificateContext = certificate.Current;
            handshake.CertificateChainPolicy = clients.AreRequired ? clients.Policy() : null; // Kestrel refuses whom it does not let pass
        };
        https.ClientCertificateMode = clients.AreRequired ? ClientCertificateMode.RequireCertificate : ClientCertificateMode.NoCertificate;
    }
}
