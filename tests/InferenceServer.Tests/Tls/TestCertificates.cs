using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace InferenceServer.Tests.Tls;

/// <summary>An authority, an intermediate one below it, and what that signs; as PEM files in a folder of its own.</summary>
internal sealed class TestCertificates : IDisposable
{
    private static readonly DateTimeOffset From = DateTimeOffset.UtcNow.AddDays(-1), Until = From.AddDays(30);

    public TestCertificates()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = Request("CN=root", key, isAuthority: true);
        Root = request.CreateSelfSigned(From, Until);
        Intermediate = Sign(Root, "CN=intermediate", isAuthority: true);
        File.WriteAllText(RootFile, Root.ExportCertificatePem());
    }

    public X509Certificate2 Root { get; }

    public string Folder { get; } = Directory.CreateTempSubdirectory().FullName;

    public string RootFile => Path.Combine(Folder, "root.crt");

    public string CertificateFile => Path.Combine(Folder, "tls.crt");

    public string KeyFile => Path.Combine(Folder, "tls.key");

    /// <summary>Puts a new server certificate where the server looks for it.</summary>
    /// <returns>Its thumbprint.</returns>
    public string Renew()
    {
        using X509Certificate2 certificate = Sign(Intermediate, "CN=server");
        File.WriteAllText(KeyFile, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem() + "\n" + Intermediate.ExportCertificatePem());
        return certificate.Thumbprint;
    }

    /// <summary>The authority below the root.</summary>
    public X509Certificate2 Intermediate { get; }

    /// <summary>A certificate for a client, signed by the root.</summary>
    public X509Certificate2 Client() => Client(Root);

    /// <summary>A certificate for a client.</summary>
    /// <param name="authority">Who signs it.</param>
    /// <param name="issuers">Where it says that its authority's own certificate is found; nowhere if null.</param>
    public static X509Certificate2 Client(X509Certificate2 authority, string? issuers = null)
    {
        using X509Certificate2 certificate = Sign(authority, "CN=client", issuers: issuers);
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    public void Dispose()
    {
        Root.Dispose();
        Intermediate.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static X509Certificate2 Sign(X509Certificate2 authority, string name, bool isAuthority = false, string? issuers = null)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = Request(name, key, isAuthority, issuers).Create(
            authority, From, Until.AddMinutes(-1), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }

    private static CertificateRequest Request(string name, ECDsa key, bool isAuthority, string? issuers = null)
    {
        CertificateRequest request = new(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        if (!isAuthority)
        {
            request.CertificateExtensions.Add(
                new X509EnhancedKeyUsageExtension(
                    [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
            SubjectAlternativeNameBuilder names = new();
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
        }

        if (issuers is not null)
        {
            request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(ocspUris: null, caIssuersUris: [issuers]));
        }

        return request;
    }
}
