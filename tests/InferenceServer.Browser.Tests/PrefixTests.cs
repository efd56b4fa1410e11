using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>The pages under a path of another site: behind nginx with https, at <c>/seg/</c>, by the files of
/// deploy/nginx.</summary>
[Collection(SharedBrowser.Name)]
public sealed class PrefixTests(Browser browser) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private Process? _nginx;

    public void Dispose()
    {
        if (_nginx is not null)
        {
            _ = ServerProcess.Kill(_nginx.Id, ServerProcess.Terminate); // its master then ends the workers
            _nginx.WaitForExit();
            _nginx.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [ChromiumFact("nginx")]
    public Task Pages_PrefixStripped_Work() => PagesWork("prefix-stripped.conf", ("Hosting:TrustedProxies:0", "127.0.0.1"));

    [ChromiumFact("nginx")]
    public Task Pages_PrefixKept_Work() => PagesWork("prefix-kept.conf", ("Hosting:PathBase", "/seg"));

    private async Task PagesWork(string configuration, params (string Key, string Value)[] settings)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(settings);
        Uri site = await StartNginxAsync(configuration, server.Address);
        await using PlaygroundWindow window = await browser.OpenAsync(new() { IgnoreHTTPSErrors = true }, new Uri(site, "seg/"));
        IPage page = window.Page;

        await window.ReadyAsync();
        await window.SegmentsAsync(() => page.ClickAsync("#samples button >> nth=0"));
        await window.ShownAsync("street.jpg");
        Assert.Contains(site + "seg/v1/segment/tiny", await page.InnerTextAsync("#snippet"), StringComparison.Ordinal);

        await page.ClickAsync("nav a"); // to Swagger UI
        await page.ClickAsync("#operations-Models-ListModels .opblock-summary-control");
        (string url, int status) = await ExecuteAsync(page, "#operations-Models-ListModels");
        Assert.Equal((site + "seg/v1/models", 200), (url, status));

        await page.ClickAsync("#operations-Segment-Segment .opblock-summary-control");
        await page.ClickAsync("#operations-Segment-Segment .try-out__btn");
        await page.FillAsync("#operations-Segment-Segment tr[data-param-name=model] input", "tiny");
        await page.SetInputFilesAsync(
            "#operations-Segment-Segment .opblock-section-request-body input[type=file]",
            new FilePayload { Name = "photo.png", MimeType = "image/png", Buffer = Photo.Png });
        (url, status) = await ExecuteAsync(page, "#operations-Segment-Segment");
        Assert.StartsWith(site + "seg/v1/segment/tiny", url, StringComparison.Ordinal);
        Assert.True(status == 200, url + await page.InnerTextAsync("#operations-Segment-Segment .live-responses-table"));
        await page.WaitForFunctionAsync(
            "() => document.querySelector('#operations-Segment-Segment .live-responses-table img')?.naturalWidth > 0");

        Assert.All(window.Requests.Where(r => r.Scheme != "blob" && r.Scheme != "data"), request =>
            Assert.StartsWith(site + "seg/", request.ToString(), StringComparison.Ordinal));
    }

    private static async Task<(string Url, int Status)> ExecuteAsync(IPage page, string operation)
    {
        if (await page.Locator(operation + " .execute").CountAsync() == 0)
        {
            await page.ClickAsync(operation + " .try-out__btn");
        }

        IResponse response = await page.RunAndWaitForResponseAsync(
            () => page.ClickAsync(operation + " .execute"), r => r.Url.Contains("/v1/", StringComparison.Ordinal));
        await page.WaitForSelectorAsync(operation + " .live-responses-table");
        return (response.Url, response.Status);
    }

    private async Task<Uri> StartNginxAsync(string configuration, Uri server)
    {
        string location = await File.ReadAllTextAsync(Path.Combine(Repository.Root, "deploy", "nginx", configuration));
        Assert.Contains("127.0.0.1:8081", location, StringComparison.Ordinal);
        Uri site = new($"https://127.0.0.1:{FreePort()}/");
        WriteCertificate();
        string own = string.Concat(
            ((string[])["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]).Select(p => $"{p}_temp_path {_folder}/{p};\n"));
        string file = Path.Combine(_folder, "nginx.conf");
        await File.WriteAllTextAsync(
            file,
            $$"""
            events {}
            http {
              {{own}}
              access_log off;
              server {
                listen {{site.Authority}} ssl;
                ssl_certificate {{_folder}}/site.pem;
                ssl_certificate_key {{_folder}}/site.key;
                location / { return 404 "another site"; }
                {{location.Replace("127.0.0.1:8081", server.Authority, StringComparison.Ordinal)}}
              }
            }
            """);
        string user = Environment.UserName == "root" ? "user root; " : ""; // who may enter the folder
        _nginx = Process.Start(
            "nginx",
            ["-p", _folder, "-c", file, "-e", Path.Combine(_folder, "error.log"), "-g", $"{user}daemon off; pid {_folder}/nginx.pid;"]);
        await ServerProcess.UntilAsync(() => IsListeningAsync(site));
        return site;
    }

    private void WriteCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=127.0.0.1", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(
            DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        File.WriteAllText(Path.Combine(_folder, "site.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "site.key"), key.ExportPkcs8PrivateKeyPem());
    }

    private static async Task<bool> IsListeningAsync(Uri site)
    {
        using TcpClient client = new();
        try
        {
            await client.ConnectAsync(site.Host, site.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
