using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>The pictures of docs/clients.md, of the shipped models: <c>SCREENSHOTS=docs/images dotnet test -c Release
/// tests/InferenceServer.Browser.Tests --filter Screenshots</c>.</summary>
[Collection(SharedBrowser.Name)]
public sealed class Screenshots(Browser browser)
{
    [ScreenshotFact]
    public async Task Screenshots_OfEachKind_AreMade()
    {
        await using ServerProcess server = await ServerProcess.StartAsync(
            ("Models:Path", Path.Combine(Repository.Root, "models")), ("Models:Default", "camvid-deeplabv3plus"));
        await TakeAsync("playground", new() { ViewportSize = new() { Width = 1440, Height = 900 } }, server.Address, both: true);
        await TakeAsync(
            "playground-dark",
            new() { ViewportSize = new() { Width = 1440, Height = 900 }, ColorScheme = ColorScheme.Dark },
            server.Address, both: true);
        await TakeAsync(
            "playground-phone",
            new()
            {
                ViewportSize = new() { Width = 390, Height = 844 },
                DeviceScaleFactor = 2,
                IsMobile = true,
                HasTouch = true,
            },
            server.Address, both: false);
    }

    private async Task TakeAsync(string name, BrowserNewContextOptions options, Uri server, bool both)
    {
        await using PlaygroundWindow window = await browser.OpenAsync(options, server);
        await window.ReadyAsync();
        await window.Page.ClickAsync("#samples button");
        await window.ShownAsync("street.jpg");
        if (both)
        {
            await window.SegmentsAsync(() => window.Page.SelectOptionAsync("#side-b select", "camvid-refinenet"));
            await window.SegmentsAsync(() => window.Page.CheckAsync("#side-b input"));
            await window.Page.WaitForFunctionAsync("() => document.querySelector('#caption-b').textContent.includes('CRF')");
            await window.Page.HoverAsync("#picture", new() { Position = new() { X = 245, Y = 285 } });
            await window.Page.WaitForSelectorAsync("#readout b");
        }

        await window.Page.ScreenshotAsync(
            new()
            {
                Path = Path.Combine(ScreenshotFactAttribute.Folder!, name + ".jpg"),
                Type = ScreenshotType.Jpeg,
                Quality = 82,
            });
    }
}
