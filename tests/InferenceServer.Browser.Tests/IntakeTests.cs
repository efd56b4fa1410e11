using Microsoft.Playwright;

namespace InferenceServer.Tests;

/// <summary>However an image comes, its mask is shown.</summary>
[Collection(SharedBrowser.Name)]
public sealed class IntakeTests(Browser browser)
{
    // A file as the system's clipboard, or a hand with a mouse, would carry it.
    private const string Carrier =
        "bytes => { const data = new DataTransfer(); data.items.add(new File([new Uint8Array(bytes)], 'photo.png', " +
        "{ type: 'image/png' })); return data; }";

    private const string ImageIsThere = "() => document.querySelector('#photo').naturalWidth > 0";

    private static byte[] Tiff { get; } = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "images", "two-pages.tif"));

    // What follows the image's end is no part of it, and is sent all the same.
    private static byte[] Large { get; } = [.. Photo.Png, .. new byte[600_000]];

    [ChromiumFact]
    public async Task Open_Image_ShowsTheApisMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();

        await window.UploadAsync(Photo.Png);

        string[] colors = ["#ff0000", "#00ff00", "#0000ff"];
        Assert.Equal(Photo.Labels.Select(label => colors[label]), await window.PixelsAsync("#mask-a"));
    }

    [ChromiumFact]
    public async Task Drop_Image_ShowsItsMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        IJSHandle data = await window.Page.EvaluateHandleAsync(Carrier, Photo.Png.Select(b => (int)b).ToArray());
        await window.Page.DispatchEventAsync("#viewer", "drop", new { dataTransfer = data });

        await window.ShownAsync("photo.png");
    }

    [ChromiumFact]
    public async Task Paste_Image_ShowsItsMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        IJSHandle data = await window.Page.EvaluateHandleAsync(Carrier, Photo.Png.Select(b => (int)b).ToArray());
        await window.Page.EvaluateAsync(
            "data => document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true " +
            "}))",
            data);

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
    public async Task Samples_NotToBeHad_SaysSoAndIsFetchedAgain()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        await window.Page.RouteAsync("**/samples/street.jpg", route => route.FulfillAsync(new() { Status = 502 }));

        await window.Page.ClickAsync("#samples button >> nth=0");
        Assert.Equal("The server answered 502.", await window.ProblemAsync());
        await window.Page.UnrouteAllAsync();
        await window.Page.ClickAsync("text=Try again");

        await window.ShownAsync("street.jpg");
    }

    [ChromiumFact]
    public async Task Camera_Taken_ShowsItsMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();

        await window.Page.ClickAsync("#camera-open");
        await window.Page.WaitForFunctionAsync("() => document.querySelector('#camera video').videoWidth > 0");
        await window.Page.ClickAsync("text=Take picture");

        await window.ShownAsync("camera.jpg");
        Assert.True(await window.Page.EvaluateAsync<bool>("() => document.querySelector('#camera video').srcObject === null"));
    }

    [ChromiumFact]
    public async Task Camera_PressedTwice_IsOpenedOnce()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.Page.EvaluateAsync(
            "() => { const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices); window.opened " +
            "= 0; navigator.mediaDevices.getUserMedia = wanted => { window.opened++; return open(wanted); }; }");

        await window.Page.EvaluateAsync(
            "() => { document.querySelector('#camera-open').click(); " +
            "document.querySelector('#camera-open').click(); }");
        await window.Page.WaitForSelectorAsync("#camera[open]");

        Assert.Equal(1, await window.Page.EvaluateAsync<int>("() => window.opened"));
    }

    // Chromium reads no TIFF; the server does, and lends its eyes.
    [ChromiumFact]
    public async Task Open_FormatThatOnlyTheServerReads_ShowsImageAndMask()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();

        await window.UploadAsync(Tiff, "two-pages.tif", "image/tiff");

        await window.Page.WaitForFunctionAsync(ImageIsThere);
        Assert.True(await window.Page.IsVisibleAsync("#picture"));
    }

    [ChromiumFact]
    public async Task Open_FormatThatOnlyTheServerReads_IsAskedForAgainAfterARefusal()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.Page.RouteAsync(
            "**/v1/segment/**",
            route =>
                route.FulfillAsync(
                    new()
                    {
                        Status = 503,
                        ContentType = "application/problem+json",
                        Body = """{"detail":"The server is full."}""",
                    }));
        await window.OpenAsync(Tiff, "two-pages.tif", "image/tiff");
        Assert.Equal("The server is full.", await window.ProblemAsync());

        await window.Page.UnrouteAllAsync();
        await window.Page.ClickAsync("text=Try again");

        await window.ShownAsync("two-pages.tif");
        await window.Page.WaitForFunctionAsync(ImageIsThere);
    }

    [ChromiumFact]
    public async Task Open_AnotherBeforeTheServerLentItsEyes_KeepsTheOther()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.Page.EvaluateAsync(
            "() => { const send = XMLHttpRequest.prototype.send; XMLHttpRequest.prototype.send = function (body) { " +
            "this.addEventListener('loadend', () => window.last = this.responseURL); send.call(this, body); }; }");
        TaskCompletionSource opened = new();
        await window.Page.RouteAsync("**format=view", async route =>
        {
            await opened.Task;
            await route.ContinueAsync();
        });
        await window.Page.RunAndWaitForRequestAsync(
            () => window.OpenAsync(Tiff, "two-pages.tif", "image/tiff"),
            request => request.Url.EndsWith("format=view", StringComparison.Ordinal));

        await window.UploadAsync(Photo.Png);
        opened.SetResult();
        await window.Page.WaitForFunctionAsync("() => window.last?.endsWith('format=view')");
        await window.Page.WaitForFunctionAsync(ImageIsThere);

        Assert.Equal(Photo.Width, await window.Page.EvaluateAsync<int>("() => document.querySelector('#photo').naturalWidth"));
    }

    [ChromiumFact]
    public async Task Open_OneAfterAnother_KeepsOnlyTheLastInMemory()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.Page.EvaluateAsync(
            "() => { window.kept = 0; for (const [name, step] of [['createObjectURL', 1], ['revokeObjectURL', " +
            "-1]]) { const call = URL[name].bind(URL); URL[name] = given => { window.kept += step; return " +
            "call(given); }; } }");

        await window.UploadAsync(Tiff, "two-pages.tif", "image/tiff");
        await window.Page.WaitForFunctionAsync(ImageIsThere);
        await window.UploadAsync(Photo.Png);

        Assert.Equal(1, await window.Page.EvaluateAsync<int>("() => window.kept"));
    }

    [ChromiumFact]
    public async Task Open_LargeImage_ShowsHowMuchWasSent()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await SlowDownAsync(window);

        await window.UploadAsync(Large);

        string[] seen = await window.Page.EvaluateAsync<string[]>("() => window.seen");
        Assert.Contains(seen, text => text.StartsWith("Sending, ", StringComparison.Ordinal) && text != "Sending, 100 %");
        Assert.Contains("Segmenting…", seen);
    }

    [ChromiumFact]
    public async Task Open_LargeImageAndOneSideGivenUp_ShowsHowMuchOfTheOtherWasSent()
    {
        await using PlaygroundWindow window = await browser.OpenAsync();
        await window.ReadyAsync();
        await window.Page.SelectOptionAsync("#side-b select", "tiny-stride8");
        await SlowDownAsync(window);

        await window.OpenAsync(Large);
        await window.Page.WaitForFunctionAsync("() => document.querySelector('#progress').value > 0.1");
        await window.Page.SelectOptionAsync("#side-b select", "");
        await window.ShownAsync("photo.png");

        Assert.Contains("Segmenting…", await window.Page.EvaluateAsync<string[]>("() => window.seen"));
    }

    // A slow line out, and a record of what the page says meanwhile.
    private static async Task SlowDownAsync(PlaygroundWindow window)
    {
        await window.ReadyAsync();
        ICDPSession network = await window.Page.Context.NewCDPSessionAsync(window.Page);
        await network.SendAsync("Network.enable");
        await network.SendAsync(
            "Network.emulateNetworkConditions", new Dictionary<string,
            object>
            {
                ["offline"] = false,
                ["latency"] = 0,
                ["downloadThroughput"] = -1,
                ["uploadThroughput"] = 400_000,
            });
        await window.Page.EvaluateAsync(
            """
            () => {
              const status = document.querySelector("#status");
              window.seen = [];
              new MutationObserver(() => window.seen.push(status.textContent)).observe(status, { childList: true });
            }
            """);
    }
}
