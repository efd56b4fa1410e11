using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>However a photograph comes, its mask is shown.</summary>
[Collection(SharedBrowser.Name)]
public sealed class IntakeTests(Browser browser)
{
    // A file as the system's clipboard, or a hand with a mouse, would carry it.
    private const string Carrier = "bytes => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(bytes)], 'photo.png', { type: 'image/png' })); return data; }";

    [ChromiumFact]
    public async Task Open_Photograph_ShowsTheApisMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();

        await window.UploadAsync(Photo.Png);

        string[] colors = ["#ff0000", "#00ff00", "#0000ff"];
        Assert.Equal(Photo.Labels.Select(label => colors[label]), await window.PixelsAsync("#mask-a"));
    }

    [ChromiumFact]
    public async Task Drop_Photograph_ShowsItsMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        IJSHandle data = await window.Page.EvaluateHandleAsync(Carrier, Photo.Png.Select(b => (int)b).ToArray());
        await window.Page.DispatchEventAsync("#viewer", "drop", new { dataTransfer = data });

        await window.ShownAsync("photo.png");
    }

    [ChromiumFact]
    public async Task Paste_Photograph_ShowsItsMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        IJSHandle data = await window.Page.EvaluateHandleAsync(Carrier, Photo.Png.Select(b => (int)b).ToArray());
        await window.Page.EvaluateAsync("data => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))", data);

        await window.ShownAsync("photo.png");
    }

    [ChromiumFact]
    public async Task Samples_Each_ShowsItsMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        Assert.True(await window.Page.Locator("#samples button").CountAsync() > 1);

        await window.Page.ClickAsync("#samples button >> nth=0");
        await window.ShownAsync("street.jpg");
        await window.Page.ClickAsync("#samples-again button >> nth=1");
        await window.ShownAsync("dusk.jpg");
    }

    [ChromiumFact]
    public async Task Camera_Taken_ShowsItsMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        await window.Page.ClickAsync("#camera-open");
        await window.Page.WaitForFunctionAsync("() => document.querySelector('#camera video').videoWidth > 0");
        await window.Page.ClickAsync("text=Take photograph");

        await window.ShownAsync("camera.jpg");
        Assert.True(await window.Page.EvaluateAsync<bool>("() => document.querySelector('#camera video').srcObject === null"));
    }

    // Chromium reads no TIFF; the server does, and lends its eyes.
    [ChromiumFact]
    public async Task Open_FormatThatOnlyTheServerReads_ShowsPhotographAndMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();

        await window.UploadAsync(await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "images", "two-pages.tif")), "two-pages.tif", "image/tiff");

        await window.Page.WaitForFunctionAsync("() => document.querySelector('#photo').naturalWidth > 0");
        Assert.True(await window.Page.IsVisibleAsync("#picture"));
    }

    [ChromiumFact]
    public async Task Open_LargePhotograph_ShowsHowMuchWasSent()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        ICDPSession network = await window.Page.Context.NewCDPSessionAsync(window.Page);
        await network.SendAsync("Network.enable");
        await network.SendAsync("Network.emulateNetworkConditions", new Dictionary<string, object> { ["offline"] = false, ["latency"] = 0, ["downloadThroughput"] = -1, ["uploadThroughput"] = 400_000 });
        await window.Page.EvaluateAsync(
            "() => { window.seen = []; new MutationObserver(() => window.seen.push(document.querySelector('#status').textContent)).observe(document.querySelector('#status'), { childList: true }); }");

        // What follows the image's end is no part of it, and is sent all the same.
        await window.UploadAsync([.. Photo.Png, .. new byte[600_000]]);

        string[] seen = await window.Page.EvaluateAsync<string[]>("() => window.seen");
        Assert.Contains(seen, text => text.StartsWith("Sending, ", StringComparison.Ordinal) && text != "Sending, 100 %");
        Assert.Contains("Segmenting…", seen);
    }
}
