using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace InferenceServer.Tests.Tls;

/// <summary>An authority, an intermediate one below it, and what that signs; as PEM files in a folder of its own.</summary>
internal sealed class TestCertificates : IDisposable
{
    private static readonly DateTimeOffset From = DateTimeOffset.UtcNow.AddDays(-1), Until = From.AddDays(30);
    private readonly X509Certificate2 _intermediate;

    public TestCertificates()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = Request("CN=root", key, isAuthority: true);
        Root = request.CreateSelfSigned(From, Until);
        _intermediate = Sign(Root, "CN=intermediate", isAuthority: true);
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
        using X509Certificate2 certificate = Sign(_intermediate, "CN=server");
        File.WriteAllText(KeyFile, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem() + "\n" + _intermediate.ExportCertificatePem());
        return certificate.Thumbprint;
    }

    /// <summary>A certificate for a client, signed by the root.</summary>
    public X509Certificate2 Client()
    {
        using X509Certificate2 certificate = Sign(Root, "CN=client");
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }

    public void Dispose()
    {
        Root.Dispose();
        _intermediate.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static X509Certificate2 Sign(X509Certificate2 authority, string name, bool isAuthority = false)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = Request(name, key, isAuthority).Create(authority, From, Until.AddMinutes(-1), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }

    private static CertificateRequest Request(string name, ECDsa key, bool isAuthority)
    {
        CertificateRequest request = new(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        if (!isAuthority)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
            SubjectAlternativeNameBuilder names = new();
            names.AddIpAddress(IPAddress.Loopback);
            request.CertificateExtensions.Add(names.Build());
        }

        return request;
    }
}
