using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using InferenceServer.Tls;
using Microsoft.Extensions.Options;

namespace InferenceServer.Tests.Tls;

/// <summary>TLS by the server itself: whose certificate clients see, and whose the server wants to see.</summary>
public sealed class TlsTests : IDisposable
{
    private static readonly Uri Ready = new("/health/ready", UriKind.Relative);
    private readonly TestCertificates _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task Certificate_FilesReplaced_IsSeenByNewConnectionsAndOldOnesGoOn()
    {
        string first = _files.Renew();
        await using SegmentationServer server = await StartAsync();
        (HttpClient early, Func<string?> earlySaw) = Connect(server);
        using HttpResponseMessage before = await early.GetAsync(Ready);
        Assert.Equal(first, earlySaw());

        string second = _files.Renew();

        await ServerProcess.UntilAsync(async () => await ThumbprintAsync(server) == second);
        using HttpResponseMessage after = await early.PostAsync(new Uri("/v1/segment", UriKind.Relative), Photo.Content(Photo.Png));
        Assert.Equal((HttpStatusCode.OK, first), (after.StatusCode, earlySaw()));
        early.Dispose();
    }

    [Fact]
    public async Task Certificate_FilesBroken_StaysAsItWas()
    {
        string first = _files.Renew();
        await using SegmentationServer server = await StartAsync();

        File.WriteAllText(_files.CertificateFile, "no certificate");
        Assert.Equal(first, await ThumbprintAsync(server));
        File.Delete(_files.CertificateFile);
        Assert.Equal(first, await ThumbprintAsync(server));
        string second = _files.Renew();

        await ServerProcess.UntilAsync(async () => await ThumbprintAsync(server) == second);
    }

    [Theory]
    [InlineData("none", false)]
    [InlineData("stranger", false)]
    [InlineData("own", true)]
    public async Task ClientCa_EachClient_IsServedIfTheAuthoritySignedIt(string kind, bool served)
    {
        using TestCertificates strangers = new();
        _files.Renew();
        await using SegmentationServer server = await StartAsync(("Tls:ClientCa", _files.RootFile));
        using X509Certificate2? certificate = kind == "none" ? null : (kind == "own" ? _files : strangers).Client();

        (HttpClient client, _) = Connect(server, certificate);
        Task<HttpResponseMessage> answer = client.GetAsync(Ready);

        if (served)
        {
            Assert.Equal(HttpStatusCode.OK, (await answer).StatusCode);
        }
        else
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => answer);
        }

        client.Dispose();
    }

    [Fact]
    public async Task ClientCa_IntermediateThatTheClientSends_IsFollowedToTheAuthority()
    {
        _files.Renew();
        await using SegmentationServer server = await StartAsync(("Tls:ClientCa", _files.RootFile));
        using X509Certificate2 certificate = TestCertificates.Client(_files.Intermediate);

        (HttpClient client, _) = Connect(server, certificate, _files.Intermediate);
        using HttpResponseMessage answer = await client.GetAsync(Ready);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        client.Dispose();
    }

    // The client chooses its certificate, and with the certificate an address that the server would fetch before it
    // knows the client.
    [Fact]
    public async Task ClientCa_CertificateThatNamesAnAddress_IsRefusedAndTheAddressNotAsked()
    {
        using TcpListener named = new(IPAddress.Loopback, 0);
        named.Start();
        _files.Renew();
        await using SegmentationServer server = await StartAsync(("Tls:ClientCa", _files.RootFile));
        using X509Certificate2 certificate = TestCertificates.Client(_files.Intermediate, $"http://{named.LocalEndpoint}/intermediate.crt");

        (HttpClient client, _) = Connect(server, certificate); // which keeps the intermediate to itself
        Task<Socket> asked = named.AcceptSocketAsync();
        Task<HttpResponseMessage> answer = client.GetAsync(Ready);

        Assert.Same(answer, await Task.WhenAny(answer, asked));
        await Assert.ThrowsAsync<HttpRequestException>(() => answer);
        Assert.False(asked.IsCompleted);
        client.Dispose();
    }

    [Theory]
    [InlineData("Certificate", "missing.crt", "Tls:Certificate")]
    [InlineData("Key", "root.crt", "Tls:Key")]
    [InlineData("ClientCa", "tls.key", "Tls:ClientCa")]
    public void Validate_FileThatIsNot_NamesTheOption(string option, string file, string expected)
    {
        _files.Renew();
        TlsOptions options = new() { Certificate = _files.CertificateFile, Key = _files.KeyFile };
        typeof(TlsOptions).GetProperty(option)!.SetValue(options, Path.Combine(_files.Folder, file));

        ValidateOptionsResult result = new TlsConsistency().Validate(null, options);

        Assert.Contains(expected, result.FailureMessage, StringComparison.Ordinal);
    }

    private Task<SegmentationServer> StartAsync(params (string Key, string Value)[] settings) => SegmentationServer.StartAsync(
        [
            ("urls", "https://127.0.0.1:0"), ("Tls:Certificate", _files.CertificateFile), ("Tls:Key", _files.KeyFile),
            ("Tls:PollInterval", "00:00:00.010"), .. settings
        ]);

    private async Task<string?> ThumbprintAsync(SegmentationServer server)
    {
        (HttpClient client, Func<string?> saw) = Connect(server);
        using HttpResponseMessage response = await client.GetAsync(Ready);
        client.Dispose();
        return saw();
    }

    /// <summary>A client that trusts the root alone, so that the server has to send what is between.</summary>
    private (HttpClient Client, Func<string?> Thumbprint) Connect(
        SegmentationServer server, X509Certificate2? certificate = null, params X509Certificate2[] intermediates)
    {
        string? thumbprint = null;
        SocketsHttpHandler handler = new();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { _files.Root },
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, shown, _, errors) =>
        {
            thumbprint = ((X509Certificate2)shown!).Thumbprint;
            return errors == SslPolicyErrors.None;
        };
        handler.SslOptions.ClientCertificateContext = certificate is null
            ? null
            : SslStreamCertificateContext.Create(certificate, [.. intermediates], offline: true);
        return (new HttpClient(handler) { BaseAddress = server.Client.BaseAddress }, () => thumbprint);
    }
}
