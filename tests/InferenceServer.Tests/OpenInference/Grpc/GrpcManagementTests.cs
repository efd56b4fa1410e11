using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using InferenceServer.Tests.Tls;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>Where models are loaded and unloaded over gRPC if operators have an address of their own.</summary>
public sealed class GrpcManagementTests
{
    private const string Key = "the operator's key";
    private const string Unload = "inference.GRPCInferenceService/RepositoryModelUnload";
    private const int NotFound = 5;
    private static readonly byte[] Tiny = GrpcServer.Frame([0x12, 4, .. "tiny"u8]); // its field 2 is the model

    [Fact]
    public async Task Unload_AtTheAddressOfClients_NamesTheRouteOfOperators()
    {
        await using GrpcServer server = await StartAsync(("Hosting:ManagementUrl", $"http://127.0.0.1:{GrpcServer.FreePort()}"));

        (int status, string message, _) = await server.SendAsync(Unload, Tiny, ("x-api-key", Key));

        Assert.Equal(NotFound, status);
        Assert.Contains("POST /v2/repository/models/{model}/load", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unload_AtAnAddressOfOperatorsWithTls_IsThere()
    {
        using TestCertificates files = new();
        files.Renew();
        string address = $"https://127.0.0.1:{GrpcServer.FreePort()}";
        await using GrpcServer server = await StartAsync(
            ("Hosting:ManagementUrl", address),
            ("Tls:Certificate", files.CertificateFile),
            ("Tls:Key", files.KeyFile));
        using SocketsHttpHandler handler = new();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { files.Root },
            RevocationMode = X509RevocationMode.NoCheck,
        };
        using HttpClient operators = new(handler) { BaseAddress = new Uri(address) };

        (int status, string message, _) = await GrpcServer.SendAsync(operators, Unload, new ByteArrayContent(Tiny), ("x-api-key", Key));

        Assert.True(status == 0, message);
    }

    private static Task<GrpcServer> StartAsync(params (string Key, string Value)[] settings) => GrpcServer.StartAsync(
        [
            (
                "Security:Keys:operator:Hash",
                "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Key)))),
            ("Security:Keys:operator:Scopes", "admin"), .. settings
        ]);
}
